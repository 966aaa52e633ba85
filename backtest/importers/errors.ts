// What an importer says when a file cannot be used at all. Lines that cannot be used are no errors: they are counted
// (see sink.ts) and the caller decides.

import type { ErrorCode } from '../../runtime/errors.ts';

/** Stable codes of the one error table; operators and scripts rely on them. */
export type ImportErrorCode = Extract<ErrorCode, `IMPORT_${string}`>;

export class ImportError extends Error {
  readonly code: ImportErrorCode;
  /** The file as the caller named it; empty when the fault is in an option. */
  readonly path: string;

  constructor(code: ImportErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(path === '' ? message : `${path}: ${message}`, options);
    this.name = 'ImportError';
    this.code = code;
    this.path = path;
  }
}

/** The longest piece of a line that a message shows. */
export const SHOWN_CHARS = 80;

/** Text of a line for a message: control characters made visible, cut at 80 characters. */
export function shownText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) {
    if (text.length >= SHOWN_CHARS) return `${text.slice(0, SHOWN_CHARS - 1)}…`;
    const c = bytes[i]!;
    if (c === 9) text += '\\t';
    else if (c < 32 || c > 126) text += '?';
    else text += String.fromCharCode(c);
  }
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS - 1)}…` : text;
}
