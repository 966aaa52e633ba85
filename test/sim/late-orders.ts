/**
 * Watches, from what the store took and what the bridge is sent, that only the life of the broker that decided an order
 * sends it: whoever restores it afterwards must ask what became of it. A life that is frozen between its commit and its
 * command, for however long and whoever has restored the commit meanwhile, is still the one that decided it.
 */

/** Sequences of `actors`: who claims an actor later, on whatever node, has a higher one. */
type Claim = number;

export class LateOrders {
  readonly late: string[] = [];
  /** Newest write of each run of a node into the broker's key. */
  private readonly claims = new Map<string, Claim>();
  /**
   * What the run that decided an order had written last when it was stored. That is its life's claim or a level of it;
   * every later life claims over it, so its fence lies above.
   */
  private readonly decided = new Map<string, Claim>();

  /** The store took a claim or level of the broker from `run`. */
  claimed(run: string, claim: Claim): void {
    this.claims.set(run, claim);
  }

  /** The store took a commit from `run` with these orders still to be sent. */
  committed(run: string, orderIds: readonly string[]): void {
    const claim = this.claims.get(run);
    if (claim === undefined) return;
    for (const orderId of orderIds) if (!this.decided.has(orderId)) this.decided.set(orderId, claim);
  }

  /** Somebody sends the order to the bridge. The whole part of a fence is the claim of the life that does. */
  sent(orderId: string, fence: number): void {
    const decided = this.decided.get(orderId);
    if (decided !== undefined && Math.floor(fence) > decided) this.late.push(orderId);
  }
}
