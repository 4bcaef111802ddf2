import { beforeEach, describe, expect, it } from 'vitest';
import { concludeUnfinished, openAuditLog, type AuditLog } from '../../../src/array/audit/audit-log.ts';
import { encodeRecord } from '../../../src/array/audit/record.ts';
import { verifyAudit, verifyLiveAudit } from '../../../src/array/audit/verify.ts';
import type { Storage, StorageFile } from '../../../src/base/storage.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';

const entry = (number: number) =>
  ({
    event: 'begun',
    process: 'pair.split',
    requestId: String(number).padStart(32, '0'),
    host: `host "${number}"\n`,
  }) as const;

let storage: Storage;

beforeEach(() => {
  storage = createMemoryStorage();
});

const open = (more: object = {}): Promise<AuditLog> => openAuditLog({ storage, clock: createFakeClock(), ...more });

function bytesOf(name: string): Uint8Array {
  const file = storage.open(name);
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  return bytes;
}

function put(name: string, bytes: Uint8Array): void {
  const file = storage.open(name);
  file.truncate(0);
  file.write(bytes, 0);
}

const verify = (anchor?: { seq: number; hash: string }) => verifyAudit(storage.list(), bytesOf, anchor);

async function written(count: number): Promise<Uint8Array> {
  const log = await open();
  for (let number = 0; number < count; number++) await log.append(entry(number));
  log.close();
  return bytesOf('audit-00000001');
}

describe('the audit', () => {
  it('is one chain over starts and files, each record naming the one before', async () => {
    for (let start = 0; start < 3; start++) {
      const log = await open({ fileBytes: 1000 });
      await Promise.all([1, 2, 3, 4].map((number) => log.append(entry(number))));
      log.close();
    }
    const report = verify();
    expect(report).toMatchObject({ findings: [], firstSeq: 1, tornBytes: 0, last: { seq: 15 } });
    expect(report.files).toBeGreaterThan(2);
    expect(report.records.map(({ record }) => record.event).filter((event) => event === 'opened')).toHaveLength(3);
    report.records.slice(1).forEach(({ record }, index) => expect(record.prev).toBe(report.records[index]!.hash));
  });

  it('keeps so many files and no more, and still checks', async () => {
    const log = await open({ fileBytes: 300, fileLimit: 3 });
    for (let number = 0; number < 40; number++) await log.append(entry(number));
    log.close();
    const report = verify();
    expect(report).toMatchObject({ files: 3, findings: [], last: { seq: 41 } });
    expect(report.firstSeq).toBeGreaterThan(30);
  });

  it('cannot be changed unseen at any byte but those of an unfinished end', async () => {
    const bytes = await written(4);
    const lines = Buffer.from(bytes).toString().split('\n').slice(0, -1);
    expect(lines).toHaveLength(5);
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [0x01, 0x80]) {
        const changed = bytes.slice();
        changed[at]! ^= mask;
        put('audit-00000001', changed);
        const { findings, tornBytes } = verify();
        // Without its line end the last record looks as if it were being written.
        if (findings.length === 0 && !(at === bytes.length - 1 && tornBytes > 0)) expect.fail(`byte ${at}`);
      }
    }
  });

  it.each([
    ['a record taken out', (lines: string[]) => lines.toSpliced(2, 1)],
    ['the first taken out', (lines: string[]) => lines.toSpliced(0, 1)],
    ['one put in twice', (lines: string[]) => lines.toSpliced(2, 0, lines[2]!)],
    ['two exchanged', (lines: string[]) => [lines[0]!, lines[2]!, lines[1]!, ...lines.slice(3)]],
  ])('shows %s', async (_what, change) => {
    const lines = Buffer.from(await written(4))
      .toString()
      .split('\n')
      .slice(0, -1);
    put('audit-00000001', new TextEncoder().encode(`${change(lines).join('\n')}\n`));
    expect(verify().findings).toHaveLength(1);
  });

  it('shows a record that was written anew, its own hash made right again', async () => {
    const lines = Buffer.from(await written(4))
      .toString()
      .split('\n')
      .slice(0, -1);
    const { record } = verify().records[2]!;
    const forged = Buffer.from(encodeRecord({ ...record, host: 'somebody else' }).line)
      .toString()
      .trimEnd();
    put('audit-00000001', new TextEncoder().encode(`${lines.with(2, forged).join('\n')}\n`));
    expect(verify().findings.map(({ why }) => why)).toEqual([
      'record 4 does not follow the one before it: that is another now',
    ]);
  });

  it('shows a missing file', async () => {
    const log = await open({ fileBytes: 300 });
    for (let number = 0; number < 6; number++) await log.append(entry(number));
    log.close();
    await storage.remove('audit-00000002');
    const [first, ...others] = verify().findings.map(({ why }) => why);
    expect(first).toBe('audit-00000002 is missing');
    expect(others[0]).toMatch(/^record \d+ stands where \d+ belongs$/);
  });

  it('has its end, and itself as a whole, proved by a record that was noted elsewhere', async () => {
    const bytes = await written(4);
    const anchor = verify().last;
    expect(verify(anchor).findings).toEqual([]);
    const lines = Buffer.from(bytes).toString().split('\n');
    put('audit-00000001', new TextEncoder().encode(`${lines.slice(0, 3).join('\n')}\n`));
    expect(verify().findings).toEqual([]);
    expect(verify(anchor).findings[0]!.why).toMatch(/^records 4 to 5 are missing: the end of the audit was cut off/);
    put('audit-00000001', new Uint8Array(0));
    await written(4);
    const anew = { seq: 5, hash: 'f'.repeat(64) };
    expect(verify(anew).findings[0]!.why).toMatch(/written anew/);
  });

  it('takes every beginning of a last record, and zeros in its place, for what a crash leaves', async () => {
    const bytes = await written(3);
    const start = bytes.lastIndexOf(0x0a, -2) + 1;
    for (let length = start + 1; length < bytes.length; length++) {
      put('audit-00000001', bytes.slice(0, length));
      expect(verify()).toMatchObject({ findings: [], tornBytes: length - start });
      const zeroed = bytes.slice();
      zeroed.fill(0, start, length);
      put('audit-00000001', zeroed);
      expect(verify()).toMatchObject({ findings: [], tornBytes: bytes.length - start });
    }
    put('audit-00000001', bytes.slice(0, start + 20));
    (await open()).close();
    const { findings, tornBytes, records } = verify();
    expect({ findings, tornBytes }).toEqual({ findings: [], tornBytes: 0 });
    expect(records.at(-1)!.record.why).toMatch(/20 bytes of a record that was not yet answered to/);
  });

  it('goes on behind damage in a file of its own, says so, and keeps the evidence', async () => {
    const bytes = await written(3);
    bytes[40]! ^= 1;
    put('audit-00000001', bytes);
    (await open()).close();
    expect(bytesOf('audit-00000001')).toEqual(bytes);
    const text = Buffer.from(bytesOf('audit-00000002')).toString();
    expect(text).toMatch(/"event":"damage","why":"audit-00000001 is damaged at byte 0/);
    expect(verify().findings.length).toBeGreaterThan(0);
  });

  it('names commands that were begun and not ended when it is opened again', async () => {
    const log = await open();
    await log.append(entry(1));
    await log.append(entry(2));
    await log.note({ event: 'ended', requestId: entry(1).requestId });
    log.close();
    const again = await open();
    expect(again.unfinished.map(({ requestId }) => requestId)).toEqual([entry(2).requestId]);
  });
});

describe('an audit whose storage fails', () => {
  function failing(part: 'write' | 'flush'): { broken: boolean; storage: Storage } {
    const state = { broken: false, storage };
    const wrap = (file: StorageFile): StorageFile => ({
      ...file,
      write(source, offset) {
        if (!state.broken || part !== 'write') return file.write(source, offset);
        file.write(source.subarray(0, 10), offset);
        throw new Error('ENOSPC');
      },
      async flush() {
        if (state.broken && part === 'flush') throw new Error('EIO');
        await file.flush();
      },
    });
    state.storage = { ...storage, open: (name) => wrap(storage.open(name)) };
    return state;
  }

  it('says so, and goes on where it stood once there is room again', async () => {
    const state = failing('write');
    const log = await openAuditLog({ storage: state.storage, clock: createFakeClock() });
    state.broken = true;
    await expect(log.append(entry(1))).rejects.toThrow('ENOSPC');
    state.broken = false;
    await log.append(entry(2));
    expect(verify()).toMatchObject({ findings: [], tornBytes: 0, last: { seq: 2 } });
  });

  it('takes nothing more after a flush that failed', async () => {
    const state = failing('flush');
    const log = await openAuditLog({ storage: state.storage, clock: createFakeClock() });
    state.broken = true;
    await expect(log.append(entry(1))).rejects.toThrow('EIO');
    state.broken = false;
    await expect(log.append(entry(2))).rejects.toThrow('EIO');
  });
});

describe('a file that cannot be begun', () => {
  it('costs the command that needed it; the next goes on without a gap', async () => {
    const state = { full: false };
    const parts = {
      ...storage,
      open(name: string): StorageFile {
        if (state.full) throw new Error('no space left on device');
        return storage.open(name);
      },
    };
    const log = await openAuditLog({ storage: parts, clock: createFakeClock(), fileBytes: 300 });
    await log.append(entry(1));
    state.full = true;
    for (const number of [2, 3]) await expect(log.append(entry(number))).rejects.toThrow(/no space/);
    state.full = false;
    for (const number of [4, 5]) await log.append(entry(number));
    log.close();
    const report = verify();
    expect(report).toMatchObject({ findings: [], last: { seq: 4 } });
    expect(report.records.map(({ record }) => record.requestId?.at(-1))).toEqual([undefined, '1', '4', '5']);
  });
});

describe('the audit of a running array', () => {
  it('is read again where its oldest file was removed meanwhile', async () => {
    const log = await open({ fileBytes: 300, fileLimit: 2 });
    for (let number = 0; number < 8; number++) await log.append(entry(number));
    log.close();
    const names = storage.list().filter((name) => name.startsWith('audit-'));
    const listings = [['audit-00000001', ...names], names];
    const read = (name: string): Uint8Array => {
      if (!names.includes(name)) throw Object.assign(new Error(`no ${name}`), { code: 'ENOENT' });
      return bytesOf(name);
    };
    expect(verifyLiveAudit(() => listings.shift() ?? [], read)).toMatchObject({ findings: [], files: names.length });
    expect(() => verifyLiveAudit(() => ['audit-00000001'], read)).toThrow(/no audit-00000001/);
  });
});

describe('a command that had begun when the array ended', () => {
  it.each([
    ['pair.split', 'never executed: the array ended first'],
    ['management unmap', 'whether it was executed is not known'],
  ])('is concluded at the next start: %s', async (process, why) => {
    const first = await open();
    await first.append({ event: 'begun', process, requestId: 'ab' });
    first.close();
    const second = await open();
    await concludeUnfinished(second, { find: () => undefined });
    second.close();
    expect(verify().records.at(-1)?.record).toMatchObject({ event: 'ended', requestId: 'ab', why });
  });
});
