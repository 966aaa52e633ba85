import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Health } from '../../../runtime/telemetry/http.ts';
import { serveHttp } from '../../../runtime/telemetry/http.ts';
import { createMetrics } from '../../../runtime/telemetry/metrics.ts';

describe('metrics over HTTP', () => {
  test('what is counted is what Prometheus reads', async () => {
    const metrics = createMetrics();
    metrics.ticksApplied.inc(41);
    metrics.ticksApplied.inc();
    metrics.orders.inc({ outcome: 'filled' });
    metrics.denials.inc({ code: 'RISK_HALTED' });
    metrics.actorRestarts.inc({ kind: 'symbol' });
    metrics.mailboxDepth.set({ kind: 'broker', id: 'demo' }, 7);
    metrics.tickToBar.observe(0.7);
    const server = await serveHttp({ port: 0, registry: metrics.registry });
    const response = await fetch(`${server.url}/metrics`);
    const text = await response.text();
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /text\/plain/);
    for (const line of [
      'troupe_ticks_applied_total 42',
      'troupe_orders_total{outcome="filled"} 1',
      'troupe_denials_total{code="RISK_HALTED"} 1',
      'troupe_actor_restarts_total{kind="symbol"} 1',
      'troupe_mailbox_depth{kind="broker",id="demo"} 7',
      'troupe_tick_to_bar_ms_bucket{le="0.5"} 0',
      'troupe_tick_to_bar_ms_bucket{le="1"} 1',
    ]) {
      assert.ok(text.split('\n').includes(line), line);
    }
    for (const name of [
      'troupe_nodejs_eventloop_lag_seconds',
      'troupe_commit_ms_count',
      'troupe_intent_to_terminal_ms_sum',
    ]) {
      assert.ok(text.includes(name), name);
    }
    for (const name of text.matchAll(/^# TYPE (\S+)/gm)) assert.match(name[1]!, /^troupe_/);
    await server.close();
  });

  test('health says ok or 503 with the reason; other paths and methods are refused', async () => {
    let health: Health = { ok: true };
    const server = await serveHttp({ port: 0, registry: createMetrics().registry, health: () => health });
    const well = await fetch(`${server.url}/health`);
    assert.deepEqual([well.status, await well.json()], [200, { status: 'ok' }]);
    health = { ok: false, detail: { bus: 'lost' } };
    const ill = await fetch(`${server.url}/health?x=1`);
    assert.deepEqual([ill.status, await ill.json()], [503, { status: 'failing', bus: 'lost' }]);
    assert.equal((await fetch(`${server.url}/elsewhere`)).status, 404);
    assert.equal((await fetch(`${server.url}/metrics`, { method: 'POST' })).status, 405);
    await server.close();
    await assert.rejects(fetch(`${server.url}/health`));
  });

  test('a port that is taken is PORT_IN_USE and named', async () => {
    const { registry } = createMetrics();
    const first = await serveHttp({ port: 0, registry });
    const port = Number(new URL(first.url!).port);
    await assert.rejects(serveHttp({ port, registry }), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'PORT_IN_USE');
      assert.ok(error.message.includes(`127.0.0.1:${port}`));
      return true;
    });
    await first.close();
  });

  test('off serves nothing', async () => {
    const server = await serveHttp({ port: 'off', registry: createMetrics().registry });
    assert.equal(server.url, undefined);
    await server.close();
  });
});
