/**
 * Where a thread begins. Its heart beats before anything else is loaded, and stops only with the thread: what blocks
 * it is what the watchdog is there for.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock as clock } from '../../runtime/clock.ts';
import type { Birth } from './protocol.ts';
import { Vitals } from './vitals.ts';

const birth = workerData as Birth;
const vitals = new Vitals(birth.vitals);
clock.setTimer(birth.heartbeatMs, function beat() {
  vitals.beat();
  clock.setTimer(birth.heartbeatMs, beat);
});

const { Host } = await import('./host.ts');
const { Captive } = await import('./captive.ts');
const { connectNats } = await import('../../runtime/bus/nats.ts');
const { createLogger } = await import('../../runtime/telemetry/log.ts');
const { bus, node, blockMs } = birth;
if (bus === undefined) throw new RangeError('a thread is born once');
// User code finds no password.
birth.bus = undefined;
const log = createLogger(birth.log);
const captive = new Captive(log);
captive.limitCommands(blockMs);
const connect = () => connectNats({ ...bus, clock, log });
const host = new Host({ port: parentPort!, vitals, clock, log, node, connect, captive });
host.listen();
