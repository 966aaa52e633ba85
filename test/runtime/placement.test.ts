import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Candidate } from '../../runtime/placement.ts';
import { ownerOf } from '../../runtime/placement.ts';

const units = Array.from({ length: 500 }, (_, i) => `partition.${i}`);
const nodes = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 })
  .chain((names) =>
    fc
      .array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: names.length, maxLength: names.length })
      .map((capacities) => names.map((node, i): Candidate => ({ node, capacity: capacities[i]! }))),
  );
const place = (candidates: readonly Candidate[]) => new Map(units.map((unit) => [unit, ownerOf(unit, candidates)]));

describe('placement', () => {
  test('nobody owns anything where there is no node', () => {
    assert.equal(ownerOf('broker.a', []), undefined);
  });

  test('the order in which nodes are known does not matter', () => {
    fc.assert(
      fc.property(nodes, (some) => {
        assert.deepEqual(place(some), place([...some].reverse()));
      }),
      { numRuns: 30 },
    );
  });

  test('a node that leaves moves its own units and no other', () => {
    fc.assert(
      fc.property(nodes, fc.nat(), (some, pick) => {
        const gone = some[pick % some.length]!;
        const before = place(some);
        const after = place(some.filter(({ node }) => node !== gone.node));
        for (const [unit, owner] of before) {
          if (owner !== gone.node) assert.equal(after.get(unit), owner);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('a node that joins takes units and moves none between the others', () => {
    fc.assert(
      fc.property(nodes, (some) => {
        const before = place(some);
        const after = place([...some, { node: 'the newcomer', capacity: 1 }]);
        for (const [unit, owner] of after) if (owner !== 'the newcomer') assert.equal(owner, before.get(unit));
      }),
      { numRuns: 30 },
    );
  });

  test('a node with more capacity loses nothing by it', () => {
    fc.assert(
      fc.property(nodes, fc.nat(), (some, pick) => {
        const grown = some[pick % some.length]!.node;
        const before = place(some);
        const after = place(some.map((one) => (one.node === grown ? { ...one, capacity: one.capacity * 2 } : one)));
        for (const [unit, owner] of before) if (owner === grown) assert.equal(after.get(unit), grown);
      }),
      { numRuns: 30 },
    );
  });

  test('shares follow the capacities', () => {
    const some = [
      { node: 'node-1', capacity: 1 },
      { node: 'node-2', capacity: 1 },
      { node: 'node-3', capacity: 2 },
    ];
    const many = Array.from({ length: 20_000 }, (_, i) => ownerOf(`strategy.s${i}`, some));
    const share = (name: string) => many.filter((owner) => owner === name).length / many.length;
    assert.ok(Math.abs(share('node-1') - 0.25) < 0.02, `${share('node-1')}`);
    assert.ok(Math.abs(share('node-2') - 0.25) < 0.02, `${share('node-2')}`);
    assert.ok(Math.abs(share('node-3') - 0.5) < 0.02, `${share('node-3')}`);
  });

  test('names that differ in one sign do not share their luck: 12 partitions on 3 nodes of any names', () => {
    let alone = 0;
    for (let run = 0; run < 300; run++) {
      const some = [1, 2, 3].map((i) => ({ node: `run-${run}-node-${i}`, capacity: 1 }));
      const owners = new Set(Array.from({ length: 12 }, (_, p) => ownerOf(`partition.${p}`, some)));
      if (owners.size < 3) alone++;
    }
    // 3 * (2/3)^12 = 2.3 % of fair draws leave a node without any.
    assert.ok(alone / 300 < 0.06, `${alone} of 300 leave a node idle`);
  });
});
