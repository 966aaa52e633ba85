/** First in, first out, in a ring: adding and taking cost the same however many wait, and what was taken is let go of. */

/** A power of two. After a flood the ring is as short again once it is empty. */
const SHORTEST = 16;

export class Fifo<T> {
  private ring: (T | undefined)[] = new Array(SHORTEST);
  private head = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  push(value: T): void {
    if (this.count === this.ring.length) this.grow();
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = value;
    this.count++;
  }

  /** The one at `index`, 0 is the next to be taken; undefined past the end. */
  at(index: number): T | undefined {
    return index < this.count ? this.ring[(this.head + index) & (this.ring.length - 1)] : undefined;
  }

  shift(): T | undefined {
    if (this.count === 0) return undefined;
    const value = this.ring[this.head];
    this.ring[this.head] = undefined;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.count--;
    if (this.count === 0 && this.ring.length > SHORTEST) this.clear();
    return value;
  }

  clear(): void {
    this.ring = new Array(SHORTEST);
    this.head = 0;
    this.count = 0;
  }

  private grow(): void {
    const { length } = this.ring;
    const longer: (T | undefined)[] = new Array(length * 2);
    for (let i = 0; i < length; i++) longer[i] = this.ring[(this.head + i) & (length - 1)];
    this.ring = longer;
    this.head = 0;
  }
}
