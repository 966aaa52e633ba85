/**
 * Memory that a socket is read into, piece by piece. What has been read waits where it lies until its actor has applied it;
 * then the piece is read into again. Left to the garbage collector, each piece of a flood waits so long that it becomes
 * old, so that nothing is freed for seconds, and every byte is read into memory that the system has to find and clear first.
 *
 * A piece that is used again is another ArrayBuffer over the same memory: who still looked into the old one would find
 * it empty, never another message.
 */
import type { Loan } from './bus.ts';

/** Bytes that are kept for what comes. */
export const MOST_SPARE_BYTES = 32 * 2 ** 20;

export class Piece implements Loan {
  /** Its memory from beginning to end. */
  readonly bytes: Uint8Array;
  private readonly pieces: Pieces;
  private lent = 0;
  private isFull = false;

  constructor(pieces: Pieces, buffer: ArrayBuffer) {
    this.pieces = pieces;
    this.bytes = new Uint8Array(buffer);
  }

  /** One more has a part of it. Who does not give it back keeps the whole piece. */
  lend(): void {
    this.lent++;
  }

  giveBack(): void {
    this.lent--;
    this.endWhenFree();
  }

  /** Nothing more is read into it. */
  close(): void {
    this.isFull = true;
    this.endWhenFree();
  }

  private endWhenFree(): void {
    if (this.isFull && this.lent === 0) this.pieces.takeBack(this.bytes.buffer as ArrayBuffer);
  }
}

export class Pieces {
  private readonly pieceBytes: number;
  private readonly spare: ArrayBuffer[] = [];

  constructor(pieceBytes: number) {
    this.pieceBytes = pieceBytes;
  }

  /** What is in it is undefined. */
  take(): Piece {
    return new Piece(this, this.spare.pop() ?? (Buffer.allocUnsafeSlow(this.pieceBytes).buffer as ArrayBuffer));
  }

  takeBack(buffer: ArrayBuffer): void {
    if ((this.spare.length + 1) * this.pieceBytes > MOST_SPARE_BYTES) buffer.transfer(0);
    else this.spare.push(buffer.transfer());
  }
}
