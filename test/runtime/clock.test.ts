import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { systemClock, VirtualClock, wallClockUs } from '../../runtime/clock.ts';

describe('system clock', () => {
  test('wall clock in whole milliseconds and in microseconds of the same moment; monotonic never falls', () => {
    const [ms, us] = [systemClock.nowMs(), systemClock.nowUs()];
    assert.ok(Number.isInteger(ms) && Number.isInteger(us));
    assert.ok(Math.abs(us / 1000 - ms) < 1_000);
    let last = systemClock.monotonicMs();
    for (let i = 0; i < 1_000; i++) {
      const next = systemClock.monotonicMs();
      assert.ok(next >= last);
      last = next;
    }
  });

  test('the wall clock in microseconds goes on finely, and follows one that is set', () => {
    let [wallMs, monotonicMs] = [1_000_000, 500];
    const nowUs = wallClockUs(
      () => Math.floor(wallMs),
      () => monotonicMs,
      999_500,
    );
    const pass = (ms: number): void => {
      wallMs += ms;
      monotonicMs += ms;
    };
    const isRight = (): void => {
      const us = nowUs();
      assert.ok(Math.abs(us / 1000 - wallMs) <= 1.1, `${us} us, the wall clock says ${wallMs} ms`);
    };
    assert.equal(nowUs(), 1_000_000_000);
    pass(0.25);
    assert.equal(nowUs(), 1_000_000_250);
    for (const stepMs of [3_876.4, -3_876.4, 2, -2, 3_600_000]) {
      wallMs += stepMs;
      isRight();
      const before = nowUs();
      pass(10.5);
      isRight();
      assert.ok(nowUs() > before);
    }
    // Set again and again by a little, as after a machine was moved: 4.6 ms a second.
    for (let i = 0; i < 60_000; i++) {
      pass(1);
      wallMs += 0.0046;
      isRight();
    }
  });

  test('who is stopped between two readings of the clocks takes nothing for a step', () => {
    let [wallMs, monotonicMs] = [1_000_000, 0];
    let stopMs = 0;
    const nowUs = wallClockUs(
      () => Math.floor(wallMs),
      () => {
        wallMs += stopMs;
        monotonicMs += stopMs;
        return monotonicMs;
      },
      1_000_000,
    );
    for (stopMs of [0, 7.3, 0.9, 40, 0]) assert.equal(nowUs(), Math.round(wallMs * 1000));
  });

  test('timers fire once, not too early; cancelled ones never', async () => {
    const startMs = systemClock.monotonicMs();
    const fired: string[] = [];
    const cancel = systemClock.setTimer(5, () => fired.push('cancelled'));
    systemClock.setTimer(10, () => fired.push('fired'));
    cancel();
    await systemClock.sleep(30);
    assert.deepEqual(fired, ['fired']);
    assert.ok(systemClock.monotonicMs() - startMs >= 29);
  });

  test('a delay longer than Node’s longest waits; a negative one is none', async () => {
    let early = false;
    const cancel = systemClock.setTimer(2 ** 31 + 5, () => {
      early = true;
    });
    await new Promise<void>((resolve) => systemClock.setTimer(-5, resolve));
    await systemClock.sleep(5);
    cancel();
    assert.equal(early, false);
  });

  test('yield lets work that is ready go first', async () => {
    const order: string[] = [];
    systemClock.setTimer(0, () => order.push('timer'));
    void Promise.resolve().then(() => order.push('microtask'));
    await systemClock.sleep(1);
    await systemClock.yield();
    assert.deepEqual(order, ['microtask', 'timer']);
  });
});

describe('virtual clock', () => {
  test('fires by deadline, then by order of creation, each at its own moment', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 })), fc.integer({ min: 0, max: 60 }), (delays, byMs) => {
        const clock = new VirtualClock(1_000);
        const fired: [number, number][] = [];
        for (const [i, delay] of delays.entries()) {
          clock.setTimer(delay, () => {
            assert.equal(clock.nowMs(), 1_000 + delay);
            fired.push([delay, i]);
          });
        }
        clock.advance(byMs);
        const due = delays.map((delay, i): [number, number] => [delay, i]).filter(([delay]) => delay <= byMs);
        assert.deepEqual(
          fired,
          due.sort((a, b) => a[0] - b[0] || a[1] - b[1]),
        );
        assert.equal(clock.nowMs(), 1_000 + byMs);
      }),
    );
  });

  test('a timer set by a timer fires in the same advance when it falls due; a cancelled one does not', () => {
    const clock = new VirtualClock(0);
    const fired: number[] = [];
    let cancel = (): void => assert.fail();
    clock.setTimer(10, () => {
      fired.push(clock.nowMs());
      clock.setTimer(5, () => fired.push(clock.nowMs()));
      cancel();
    });
    cancel = clock.setTimer(12, () => fired.push(-1));
    clock.advance(15);
    assert.deepEqual(fired, [10, 15]);
  });

  test('one at a time, for an event loop: cancelled ones are passed over, later ones left', () => {
    const clock = new VirtualClock(0);
    const fired: number[] = [];
    const cancels = [30, 10, 20, 10].map((delay) => clock.setTimer(delay, () => fired.push(delay)));
    cancels[1]!();
    assert.equal(clock.fireNext(5), false);
    assert.equal(clock.nowMs(), 0);
    assert.equal(clock.fireNext(25), true);
    assert.equal(clock.nowMs(), 10);
    assert.equal(clock.fireNext(25), true);
    assert.equal(clock.fireNext(25), false);
    assert.deepEqual([fired, clock.nowMs()], [[10, 20], 20]);
  });

  test('sleep ends when time has moved on; microseconds and monotonic follow', async () => {
    const clock = new VirtualClock(7);
    let awake = false;
    const sleeping = clock.sleep(3).then(() => {
      awake = true;
    });
    clock.advance(2);
    await clock.yield();
    assert.equal(awake, false);
    clock.advance(1);
    await sleeping;
    assert.deepEqual([clock.nowMs(), clock.nowUs(), clock.monotonicMs()], [10, 10_000, 10]);
  });
});
