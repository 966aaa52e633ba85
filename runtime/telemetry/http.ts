/** The node's small HTTP server: /metrics for Prometheus, /health for whoever restarts processes. This machine only. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { messageOf, TroupeError } from '../errors.ts';

export interface Health {
  readonly ok: boolean;
  /** What is wrong, or any facts worth showing. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface HttpOptions {
  /** 0 takes a free port; `off` serves nothing. */
  readonly port: number | 'off';
  readonly registry: Registry;
  /** Without it, a node that answers is healthy. */
  readonly health?: () => Health;
}

export interface HttpServer {
  /** `http://127.0.0.1:port`, undefined when off. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

/** Throws TroupeError PORT_IN_USE naming the port. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const { port } = options;
  if (port === 'off') return { url: undefined, close: async () => {} };
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error) => {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(`${messageOf(error)}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE' || error.code === 'EACCES';
      const text = `node.metrics_port: ${HOST}:${port} is taken or not allowed (${error.code}); choose another, 0 for any free one, or off`;
      reject(taken ? new TroupeError('PORT_IN_USE', text, { cause: error }) : error);
    });
    server.listen(port, HOST, resolve);
  });
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpOptions): Promise<void> {
  const path = (request.url ?? '/').split('?')[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
  } else if (path === '/metrics') {
    const body = await options.registry.metrics();
    response.writeHead(200, { 'content-type': options.registry.contentType }).end(body);
  } else if (path === '/health') {
    const health = options.health?.() ?? { ok: true };
    response.writeHead(health.ok ? 200 : 503, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ status: health.ok ? 'ok' : 'failing', ...health.detail })}\n`);
  } else {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('/metrics or /health\n');
  }
}
