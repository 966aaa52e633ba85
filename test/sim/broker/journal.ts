/** The bridge's journal: what is on the disk survives the bridge, answers that are not yet written do not. */
import type { CommandReply } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';

interface Entry {
  readonly commandId: string;
  reply: CommandReply | undefined;
}

export class Journal {
  readonly disk = new Map<string, Entry>();
  highestFence = 0;
  private unwritten: (() => void)[] = [];
  /** A disk that keeps nothing: a safeguard taken away. */
  private readonly forgetful: boolean;
  private memory = new Map<string, Entry>();

  constructor(forgetful = false) {
    this.forgetful = forgetful;
  }

  /** Opened by a new run of the bridge: only the disk is left. */
  open(): void {
    this.unwritten = [];
    if (this.forgetful) this.disk.clear();
    this.memory = new Map([...this.disk].map(([id, entry]) => [id, { ...entry }]));
  }

  find(orderId: string): Entry | undefined {
    return this.memory.get(orderId);
  }

  note(orderId: string, commandId: string): void {
    this.sync();
    this.disk.set(orderId, { commandId, reply: undefined });
    this.memory.set(orderId, { commandId, reply: undefined });
  }

  result(orderId: string, reply: CommandReply): void {
    const entry = this.memory.get(orderId);
    if (entry === undefined) return;
    entry.reply = reply;
    this.unwritten.push(() => {
      const stored = this.disk.get(orderId);
      if (stored !== undefined) stored.reply = reply;
    });
  }

  fence(fence: number): void {
    this.highestFence = Math.max(this.highestFence, fence);
  }

  sync(): void {
    for (const write of this.unwritten) write();
    this.unwritten = [];
  }
}
