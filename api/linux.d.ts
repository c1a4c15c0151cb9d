// skep/linux: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export declare function linux(): Kernel;

export declare function withNetns<T>(path: string, run: () => T): T;

// Named above, exported by other entries: Kernel (skep)
