/** What NATS throws, as errors of the one table. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import type { ErrorCode } from '../errors.ts';
import { messageOf, TroupeError } from '../errors.ts';

/** `error` of a JetStream answer (server/errors.json of nats-server names the codes). */
export interface ApiErrorBody {
  /** HTTP-like, 400 .. 503. */
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

const byApiCode: Readonly<Record<number, ErrorCode>> = {
  10008: 'BUS_UNAVAILABLE', // JetStream system temporarily unavailable
  10009: 'BUS_UNAVAILABLE', // cluster without leader
  10023: 'BUS_STORAGE_FULL', // insufficient resources
  10028: 'BUS_STORAGE_FULL', // insufficient memory
  10039: 'BUS_DENIED', // JetStream not enabled for account
  10047: 'BUS_STORAGE_FULL', // insufficient storage resources
  10054: 'BUS_TOO_LARGE', // message size exceeds maximum allowed
  10059: 'BUS_NO_STREAM',
  10071: 'BUS_CONFLICT', // wrong last sequence
  10076: 'BUS_UNAVAILABLE', // JetStream not enabled
  10164: 'BUS_CONFLICT', // wrong last sequence, unknown subject
  10201: 'BUS_UNAVAILABLE', // the first copy of this message id is still being stored
};

/** 10077 is "the store refused", whatever the reason; only the text tells. */
const FULL = /maximum (bytes|messages)|no space left|insufficient|resource limits?/i;

export function apiError(body: ApiErrorBody, doing: string): TroupeError {
  const text = body.description ?? `error ${body.code}`;
  let code = byApiCode[body.err_code ?? 0];
  if (code === undefined && FULL.test(text)) code = 'BUS_STORAGE_FULL';
  if (code === undefined) code = body.code === 503 ? 'BUS_UNAVAILABLE' : 'BUS_REFUSED';
  return new TroupeError(
    code,
    `${doing}: ${text}${body.err_code === undefined ? '' : ` (JetStream ${body.err_code})`}`,
  );
}

const socketErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EPIPE',
]);

function codeOf(thrown: unknown): ErrorCode | undefined {
  if (thrown instanceof errors.PermissionViolationError || thrown instanceof errors.AuthorizationError)
    return 'BUS_DENIED';
  if (thrown instanceof errors.UserAuthenticationExpiredError) return 'BUS_DENIED';
  if (thrown instanceof errors.NoRespondersError) return 'BUS_NO_RESPONDER';
  if (thrown instanceof errors.RequestError && thrown.isNoResponders()) return 'BUS_NO_RESPONDER';
  if (thrown instanceof errors.TimeoutError) return 'BUS_TIMEOUT';
  if (thrown instanceof errors.InvalidArgumentError && thrown.message.includes('max_payload')) return 'BUS_TOO_LARGE';
  if (thrown instanceof errors.ClosedConnectionError || thrown instanceof errors.DrainingConnectionError) {
    return 'BUS_UNAVAILABLE';
  }
  if (thrown instanceof errors.ConnectionError) return 'BUS_UNAVAILABLE';
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' && socketErrors.has(code) ? 'BUS_UNAVAILABLE' : undefined;
}

/** Any thrown value as a TroupeError; `doing` says what was tried. */
export function busError(thrown: unknown, doing: string): TroupeError {
  if (thrown instanceof TroupeError) return thrown;
  if (thrown instanceof JetStreamApiError) {
    return apiError({ code: thrown.status, err_code: thrown.code, description: thrown.message }, doing);
  }
  for (let cause: unknown = thrown; cause instanceof Error; cause = cause.cause) {
    const code = codeOf(cause);
    if (code) return new TroupeError(code, `${doing}: ${cause.message}`, { cause: thrown });
  }
  // "connection closed" of a request that was under way is a plain RequestError without a cause.
  const code = thrown instanceof errors.RequestError ? 'BUS_UNAVAILABLE' : 'BUS_REFUSED';
  return new TroupeError(code, `${doing}: ${messageOf(thrown)}`, { cause: thrown });
}

/** Whether the same request may succeed when it is sent again in a moment. */
export function isTransient(error: TroupeError): boolean {
  return error.code === 'BUS_TIMEOUT' || error.code === 'BUS_NO_RESPONDER' || error.code === 'BUS_UNAVAILABLE';
}
