/**
 * Services as the stock `nats` command knows them (`nats micro ls`, `info`, `stats`; NATS ADR-32), as far as both buses
 * share them.
 */

export interface ServiceAnswer {
  readonly data: Uint8Array;
  /** Says that the request was refused, and counts as an error of the service. */
  readonly error?: { readonly code: number; readonly message: string };
}

export interface ServiceEndpoint {
  /** [A-Za-z0-9_-], shown by `nats micro info`. */
  readonly name: string;
  /** May have wildcards. */
  readonly subject: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * Requests run side by side. Undefined says nothing: another instance of the service is asked the same and answers.
   * What it throws is answered as error 500.
   */
  readonly handler: (data: Uint8Array, subject: string) => Promise<ServiceAnswer | undefined>;
}

export interface ServiceSpec {
  /** [A-Za-z0-9_-] */
  readonly name: string;
  /** Semantic version. */
  readonly version: string;
  readonly description: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly endpoints: readonly ServiceEndpoint[];
}

export interface RunningService {
  /** Of this instance, as `nats micro ls` shows it. */
  readonly id: string;
  /** No request reaches the handlers after this resolves. */
  stop(): Promise<void>;
}

/** What the last two headers of a refusal are called. */
export const ERROR_HEADER = 'Nats-Service-Error';
export const ERROR_CODE_HEADER = 'Nats-Service-Error-Code';

/** Requests, errors and time of one endpoint: a handler's own time, waits included. */
export class EndpointCount {
  requests = 0;
  errors = 0;
  lastError: string | undefined;
  private processingMs = 0;

  add(tookMs: number, error: string | undefined): void {
    this.requests++;
    this.processingMs += tookMs;
    if (error === undefined) return;
    this.errors++;
    this.lastError = error;
  }

  /** In the protocol's words; times are nanoseconds. */
  get stats(): Record<string, unknown> {
    const processing = Math.round(this.processingMs * 1e6);
    return {
      num_requests: this.requests,
      num_errors: this.errors,
      ...(this.lastError === undefined ? {} : { last_error: this.lastError }),
      processing_time: processing,
      average_processing_time: this.requests === 0 ? 0 : Math.round(processing / this.requests),
    };
  }
}
