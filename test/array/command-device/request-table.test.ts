import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinInFlight } from '../../../src/array/command-device/in-flight.ts';
import { createPageMemory } from '../../../src/array/command-device/page-memory.ts';
import { createRequestTable, type RememberedRequest } from '../../../src/array/command-device/request-table.ts';
import type { CommandOutcome, CommandRequest } from '../../../src/array/command-device/types.ts';
import { STATUS } from '../../../src/interface-block/status.ts';

const OK: CommandOutcome = { status: 0, editedData: Uint8Array.of(1, 2, 3) };

function request(id: string, more: Partial<CommandRequest> = {}): CommandRequest {
  return {
    requestId: id,
    process: 0x12,
    input: new Uint8Array(0),
    inputCrc: 5,
    admissionNumber: 0,
    host: 'test',
    editedDataWanted: true,
    ...more,
  };
}

describe('the request table', () => {
  it('answers a remembered request from memory, whatever its admission number', () => {
    const table = createRequestTable();
    const first = request('a');
    expect(table.admit(first)).toEqual({ kind: 'execute' });
    table.remember(table.entryFor(first, OK));
    expect(table.commandNumber()).toBe(1);
    expect(table.admit(request('a', { admissionNumber: 1 }))).toMatchObject({ kind: 'answer', outcome: OK });
    expect(table.find('a')).toMatchObject({ commandNumber: 1, process: 0x12 });
  });

  it('refuses the same id with another process or input', () => {
    const table = createRequestTable();
    table.remember(table.entryFor(request('a'), OK));
    for (const other of [request('a', { process: 0x13 }), request('a', { inputCrc: 6 })]) {
      expect(table.admit(other)).toMatchObject({ kind: 'answer', outcome: { status: STATUS['request-reused'] } });
    }
  });

  it('refuses what it may have forgotten, at exactly the admission number where that begins', () => {
    const table = createRequestTable({ limit: 3 });
    for (const id of ['a', 'b', 'c']) table.remember(table.entryFor(request(id), OK));
    expect(table.admit(request('new', { admissionNumber: 0 }))).toEqual({ kind: 'execute' });
    expect(table.remember(table.entryFor(request('d'), OK))).toMatchObject({ requestId: 'a' });
    expect(table.admit(request('a', { admissionNumber: 0 }))).toMatchObject({
      outcome: { status: STATUS['request-expired'] },
    });
    expect(table.admit(request('new', { admissionNumber: 1 }))).toEqual({ kind: 'execute' });
    expect(table.size()).toBe(3);
  });

  it('refuses an admission number that the array has not reached', () => {
    const table = createRequestTable({ commandNumber: 9 });
    expect(table.admit(request('a', { admissionNumber: 10 }))).toMatchObject({
      outcome: { status: STATUS['request-expired'] },
    });
    expect(table.admit(request('a', { admissionNumber: 9 }))).toEqual({ kind: 'execute' });
  });

  it('goes on from the entries that a store kept', () => {
    const table = createRequestTable({ limit: 3 });
    for (const id of ['a', 'b', 'c', 'd', 'e']) table.remember(table.entryFor(request(id), OK));
    const restored = createRequestTable({ limit: 3, entries: table.entries() });
    expect(restored.commandNumber()).toBe(5);
    expect(restored.entries()).toEqual(table.entries());
  });

  it('takes only the entry that follows', () => {
    const table = createRequestTable();
    const entry: RememberedRequest = { ...table.entryFor(request('a'), OK), commandNumber: 2 };
    expect(() => table.remember(entry)).toThrow(/does not follow/);
    table.remember({ ...entry, commandNumber: 1 });
    expect(() => table.remember(entry)).toThrow(/does not follow/);
  });

  it('never executes a request twice, whenever its duplicates arrive', () => {
    const arrivals = fc.array(fc.record({ id: fc.integer({ min: 0, max: 11 }), restart: fc.boolean() }), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(arrivals, (events) => {
        let table = createRequestTable({ limit: 4 });
        const admissions = new Map<number, number>();
        const executed: number[] = [];
        for (const { id, restart } of events) {
          if (restart) table = createRequestTable({ limit: 4, entries: table.entries() });
          if (!admissions.has(id)) admissions.set(id, table.commandNumber());
          const arrival = request(String(id), { admissionNumber: admissions.get(id)! });
          if (table.admit(arrival).kind !== 'execute') continue;
          executed.push(id);
          table.remember(table.entryFor(arrival, OK));
        }
        expect(new Set(executed).size).toBe(executed.length);
      }),
    );
  });
});

describe('joining requests in flight', () => {
  it('executes once for all that arrive meanwhile, and again afterwards', async () => {
    const endings: ((outcome: CommandOutcome) => void)[] = [];
    const execute = joinInFlight(() => new Promise((resolve) => endings.push(resolve)));
    const both = [execute(request('a')), execute(request('a'))];
    expect(endings.length).toBe(1);
    expect(await execute(request('a', { process: 9 }))).toMatchObject({ status: STATUS['request-reused'] });
    endings[0]!(OK);
    expect(await Promise.all(both)).toEqual([OK, OK]);
    void execute(request('a'));
    expect(endings.length).toBe(2);
  });

  it('lets a failed execution be tried again', async () => {
    let calls = 0;
    const execute = joinInFlight(async () => {
      if (calls++ === 0) throw new Error('first');
      return OK;
    });
    await expect(execute(request('a'))).rejects.toThrow('first');
    expect(await execute(request('a'))).toEqual(OK);
  });
});

describe('the page memory', () => {
  it('is bounded in bytes, and keeps the newest whatever its size', () => {
    const pages = createPageMemory();
    const result = (bytes: number): CommandOutcome => ({ status: 0, editedData: new Uint8Array(bytes) });
    pages.keep(request('a'), result(16 * 1024 * 1024));
    pages.keep(request('b'), result(16 * 1024 * 1024));
    expect(pages.find('a')).toBeDefined();
    pages.keep(request('c'), result(1));
    expect(pages.find('a')).toBeUndefined();
    expect(pages.find('b')).toBeDefined();
    pages.keep(request('b'), result(33 * 1024 * 1024));
    expect(pages.find('c')).toBeUndefined();
    expect(pages.find('b')).toBeDefined();
  });
});
