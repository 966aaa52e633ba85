/** Why a request was refused, in the words of the errors table. */
import type { ServiceAnswer } from '../../runtime/bus/service.ts';
import { suggest } from '../../runtime/config/suggest.ts';
import type { ErrorCode } from '../../runtime/errors.ts';
import { isErrorCode, messageOf, TroupeError } from '../../runtime/errors.ts';

/** As in HTTP, because `nats` shows such a number: 400 wrong request, 404 nobody there, 409 not in this state. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  CONTROL_KIND: 400,
  CONTROL_VERB: 400,
  CONTROL_ID: 404,
  CONTROL_PAYLOAD: 400,
  CONTROL_NOT_NOW: 409,
};

/** `field`: the part of the request that is wrong. */
export class Refusal extends TroupeError {
  readonly field: 'kind' | 'id' | 'verb' | 'payload' | '';

  constructor(code: ErrorCode, field: Refusal['field'], message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.field = field;
  }
}

/** `symbol "EURUSX": no such symbol; allowed: EURUSD, GBPUSD; did you mean EURUSD?` */
export function unknownName(what: string, word: string, known: readonly string[]): string {
  const shown = known.length > 20 ? `${known.slice(0, 20).join(', ')} and ${known.length - 20} more` : known.join(', ');
  const close = suggest(word, known);
  const hint = close === undefined ? '' : `; did you mean ${close}?`;
  return `${JSON.stringify(word)} is no ${what}; allowed: ${shown || 'there is none'}${hint}`;
}

const utf8 = new TextEncoder();

export const answered = (answer: object): ServiceAnswer => ({
  data: utf8.encode(JSON.stringify({ ok: true, ...answer })),
});

export function refused(thrown: unknown): ServiceAnswer {
  const known = thrown instanceof TroupeError && isErrorCode(thrown.code);
  const code: ErrorCode = known ? thrown.code : 'CONTROL_FAILED';
  const message = messageOf(thrown);
  const field = thrown instanceof Refusal && thrown.field !== '' ? { field: thrown.field } : {};
  return {
    data: utf8.encode(JSON.stringify({ ok: false, code, ...field, message })),
    error: { code: STATUS[code] ?? 500, message: `${code}: ${message}` },
  };
}
