/** A wait that a notification, an abort or a dispose ends; notifications before the wait are not lost. */
export interface Wakeable {
  notify(): void
  wait(): Promise<void>
  dispose(): void
}

export function wakeable(signal?: AbortSignal): Wakeable {
  let pending = false
  let resume: (() => void) | undefined
  const notify = (): void => {
    pending = true
    resume?.()
  }
  signal?.addEventListener('abort', notify)
  return {
    notify,
    async wait() {
      if (!pending && signal?.aborted !== true) {
        await new Promise<void>((resolve) => {
          resume = resolve
        })
      }
      resume = undefined
      pending = false
    },
    dispose() {
      signal?.removeEventListener('abort', notify)
      notify()
    },
  }
}
