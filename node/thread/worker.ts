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
const host = new Host(parentPort!, birth, vitals, clock);
host.listen();
