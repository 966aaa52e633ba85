/** A bounded number of things at a time; the others wait in order. */
export class Slots {
  private free: number;
  private readonly waiting: ((release: () => void) => void)[] = [];
  private head = 0;

  constructor(limit: number) {
    this.free = limit;
  }

  /** Resolves to the release, which may be called more than once. */
  take(): Promise<() => void> {
    if (this.free > 0) {
      this.free--;
      return Promise.resolve(this.release());
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private release(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.waiting[this.head];
      if (next === undefined) {
        this.free++;
        this.waiting.length = 0;
        this.head = 0;
        return;
      }
      this.head++;
      next(this.release());
    };
  }
}
