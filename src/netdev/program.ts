/** A program as far as devices know it: something with an identity that whoever runs hooks understands. */
export interface HookProgram {
  readonly id: number
  readonly name: string
  /** 8 bytes. */
  readonly tag: Uint8Array
  /** True for XDP programs that take packets of several buffers. */
  readonly hasFrags: boolean
  /** BPF_XDP_DEVMAP, BPF_XDP_CPUMAP or another expected attach type. */
  readonly expectedAttachType: number
  /** Loaded for one device: by `prog_ifindex`; `offloaded` where the device itself runs it. */
  readonly boundTo?: { readonly device: object; readonly offloaded: boolean } | undefined
}

/** What holds a program at a hook besides the hook itself: a bpf_link. */
export interface HookLink {
  readonly id: number
}
