/** Ids of one kind of object, handed out in rising order as Linux's cyclic idr does. */
export class IdTable<T> {
  readonly #objects = new Map<number, T>()
  #last = 0

  /** The id that the next `add` will use. */
  reserve(): number {
    this.#last++
    return this.#last
  }

  /** The next id will be `id`. */
  goOnAt(id: number): void {
    this.#last = id - 1
  }

  get last(): number {
    return this.#last
  }

  add(id: number, object: T): void {
    this.#objects.set(id, object)
  }

  get(id: number): T | undefined {
    return this.#objects.get(id)
  }

  remove(id: number): void {
    this.#objects.delete(id)
  }

  /** Smallest id above `start`; undefined at the end. */
  next(start: number): number | undefined {
    let best: number | undefined
    for (const id of this.#objects.keys()) {
      if (id > start && (best === undefined || id < best)) best = id
    }
    return best
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
  }

  get size(): number {
    return this.#objects.size
  }
}
