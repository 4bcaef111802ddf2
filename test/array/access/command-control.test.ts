import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuditLog } from '../../../src/array/audit/audit-log.ts';
import { ASKED_LIMIT } from '../../../src/array/audit/asked.ts';
import { verifyAudit } from '../../../src/array/audit/verify.ts';
import type { AccessDescription } from '../../../src/array/description.ts';
import { randomHex } from '../../../src/base/random.ts';
import type { Storage } from '../../../src/base/storage.ts';
import { createArrayClient, type ArrayClient } from '../../../src/host/array-client.ts';
import { encodeRequestPart } from '../../../src/interface-block/block.ts';
import { REMEMBERED_REQUESTS } from '../../../src/interface-block/geometry.ts';
import { decodeLabel } from '../../../src/interface-block/label.ts';
import { encodeRequest } from '../../../src/interface-block/message.ts';
import { PROCESSES } from '../../../src/interface-block/process-table.ts';
import { signRequestPart } from '../../../src/interface-block/signature.ts';
import { createRealClock } from '../../../src/lun/real-clock.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import type { Lun } from '../../../src/lun/lun.ts';
import { openStateLog } from '../../../src/array/store/state-log.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { NOTHING, serveTestArray, type ServedArray } from '../../support/served-array.ts';
import { blockOf, signedFor, writeBlock } from '../../support/written-blocks.ts';

/** Who may command an array, what becomes of a refused block, and what the audit says of both: over real sockets. */

const MONITOR = 'iqn.2026-11.com.example:monitor';
const OPERATOR = 'iqn.2026-11.com.example:operator';
const OWNER = 'iqn.2026-11.com.example:owner';
const NEAR = 'iqn.2026-11.io.cdctl:osaka.remote';
const ID = '00112233445566778899aabbccddeeff';
const KEY = new TextEncoder().encode('a key of thirty-two bytes or more');
const SIGNING = { name: 'runbook', key: KEY };

const ACCESS: AccessDescription = {
  ...NOTHING,
  initiators: [
    { name: MONITOR, luns: [0], role: 'monitor' },
    { name: OPERATOR, luns: [0], role: 'operator', groups: ['oradb'] },
    { name: OWNER, luns: [0], role: 'administrator' },
    { name: NEAR, luns: [0], role: 'signed' },
  ],
  keys: [{ name: 'runbook', keyFile: 'k', role: 'operator', groups: ['oradb'] }],
};

let storage: Storage;
let served: ServedArray;
const clients: ArrayClient[] = [];

async function serve(access: AccessDescription = ACCESS): Promise<void> {
  served = await serveTestArray({
    access,
    storage,
    parts: { audit: openAuditLog, keyOf: (name) => (name === 'runbook' ? KEY : undefined) },
  });
}

beforeEach(async () => {
  storage = createMemoryStorage();
  await serve();
});

async function stop(): Promise<void> {
  for (const client of clients.splice(0)) await client.close();
  await served.stop();
}

afterEach(stop);

function client(initiator: string, signingKey?: typeof SIGNING): ArrayClient {
  const made = createArrayClient({
    array: 'tokyo',
    serial: 'TOKYO',
    paths: [`${served.url}/0`],
    opener: served.opener(initiator),
    clock: createRealClock(),
    random: createRealRandom(),
    host: 'root@db1:7',
    timeoutMs: 10_000,
    ...(signingKey && { signingKey }),
  });
  clients.push(made);
  return made;
}

const show = (from: ArrayClient) => from.call('array.show', { header: {}, rows: [] });
const split = (from: ArrayClient, group = 'oradb') => from.call('pair.split', { header: { group }, rows: [] });

function read(name: string): Uint8Array {
  const file = storage.open(name);
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  return bytes;
}

function audit() {
  const report = verifyAudit(storage.list(), read);
  expect(report.findings).toEqual([]);
  return report.records.map(({ record }) => record).filter(({ event }) => event !== 'opened');
}

describe('a role', () => {
  it('lets a monitor ask, and no more', async () => {
    const monitor = client(MONITOR);
    expect((await show(monitor)).header).toMatchObject({ serial: 'TOKYO' });
    await expect(split(monitor)).rejects.toThrow(/is a monitor: it may not ask for pair\.split/);
    const fence = { header: { group: 'oradb', leaseMs: 1000 }, rows: [] };
    await expect(monitor.call('pair.fence', fence)).rejects.toThrow(/may not ask for pair\.fence/);
  });

  it('lets an operator command its own groups, an administrator all', async () => {
    const operator = client(OPERATOR);
    // What passes is refused by the command itself: there is no such group.
    await expect(split(operator)).rejects.toThrow(/has no group oradb|no group "oradb"/);
    await expect(split(operator, 'others')).rejects.toThrow(/does not reach group others/);
    await expect(operator.call('pair.show', { header: { group: '' }, rows: [] })).rejects.toThrow(/name one/);
    await expect(split(client(OWNER), 'others')).rejects.toThrow(/no group "?others/);
  });

  it('tells those who reach some groups nothing of the names of others', async () => {
    const luns = { primaryLun: 10, auxiliaryLun: 10, primaryJournalLun: 20, auxiliaryJournalLun: 20 };
    const serials = { primarySerial: 'TOKYO', auxiliarySerial: 'OSAKA' };
    const header = { group: 'oradb', pair: 'data', role: 'primary', noCopy: false, ...luns, ...serials } as const;
    await client(OWNER).call('pair.create', { header, rows: [] });
    const used = async (asker: ArrayClient) => {
      const { rows } = await asker.call('volume.list', { header: {}, rows: [] });
      return rows.filter(({ lun }) => lun >= 10).map(({ group, pair, role }) => `${group}/${pair} ${role}`);
    };
    const all = ['oradb/data primary', '/ simplex', 'oradb/ primary'];
    const hidden = ['/ primary', '/ simplex', '/ primary'];
    expect(await used(client(OWNER))).toEqual(all);
    expect(await used(client(OPERATOR))).toEqual(all);
    expect(await used(client(NEAR, SIGNING))).toEqual(all);
    served.access = { ...ACCESS, commandDevices: [{ lun: 0, signedOnly: false, groups: ['payroll'] }] };
    expect(await used(client(OWNER))).toEqual(hidden);
    served.access = { ...ACCESS, initiators: ACCESS.initiators.map((grant) => ({ ...grant, groups: ['payroll'] })) };
    expect(await used(client(MONITOR))).toEqual(hidden);
    expect(await used(client(OWNER)), 'an administrator').toEqual(all);
  });

  it('names no group in a refusal that the asker does not reach', async () => {
    const serials = { primarySerial: 'TOKYO', auxiliarySerial: 'OSAKA' };
    const pairOf = (group: string, lun: number) => {
      const luns = { primaryLun: lun, auxiliaryLun: lun, primaryJournalLun: 20, auxiliaryJournalLun: 20 };
      return {
        header: { group, pair: `vol${lun}`, role: 'primary', noCopy: false, ...luns, ...serials } as const,
        rows: [],
      };
    };
    await client(OWNER).call('pair.create', pairOf('oradb', 10));
    const refused = async (asker: string, lun: number): Promise<string> => {
      const create = client(asker).call('pair.create', pairOf('payroll', lun));
      return create.then(
        () => 'created',
        (error: unknown) => (error as Error).message,
      );
    };
    expect(await refused(OWNER, 10)).toMatch(/LUN 10 is in pair vol10 of group oradb already/);
    expect(await refused(OWNER, 11)).toMatch(/journal LUN 20 of array tokyo serves group oradb/);
    const grants = ACCESS.initiators.map((grant) => ({ ...grant, luns: 'all' as const, groups: ['payroll'] }));
    served.access = { ...ACCESS, initiators: grants };
    expect(await refused(OPERATOR, 10)).toMatch(/LUN 10 is in a pair of another group already/);
    expect(await refused(OPERATOR, 11)).toMatch(/journal LUN 20 of array tokyo serves another group/);
    served.access = { ...ACCESS, commandDevices: [{ lun: 0, signedOnly: false, groups: ['payroll'] }] };
    expect(await refused(OWNER, 11), 'by this command device').toMatch(/serves another group/);
  });

  it('takes effect at once when it is changed', async () => {
    const operator = client(OPERATOR);
    await show(operator);
    served.access = { ...ACCESS, commandDevices: [{ lun: 0, signedOnly: true }] };
    await expect(show(operator)).rejects.toThrow(/only blocks that are signed/);
    served.access = { ...ACCESS, commandDevices: [{ lun: 0, signedOnly: false, groups: ['payroll'] }] };
    await expect(split(operator)).rejects.toThrow(/this command device does not reach group oradb/);
  });
});

describe('a signature', () => {
  it('gives the role of its key, also where the initiator has none, as behind a virtual volume', async () => {
    await expect(show(client(NEAR))).rejects.toThrow(/only blocks that are signed/);
    const runbook = client(NEAR, SIGNING);
    expect((await show(runbook)).header).toMatchObject({ serial: 'TOKYO' });
    await expect(split(runbook)).rejects.toThrow(/no group "?oradb/);
    await expect(split(runbook, 'others')).rejects.toThrow(/key runbook does not reach group others/);
  });

  it.each([
    ['a wrong key', { name: 'runbook', key: new TextEncoder().encode('another key of thirty-two bytes') }],
    ['an unknown key', { name: 'stranger', key: KEY }],
  ])('with %s is worth less than none', async (_what, signing) => {
    await expect(show(client(OWNER, signing))).rejects.toThrow(
      /not signed with a key (?:runbook|stranger) that is known/,
    );
  });
});

async function signedSplit(lun: Lun, group: string, requestId = someId()): Promise<Uint8Array> {
  await lun.capacity();
  const label = decodeLabel((await lun.read(0, 8)).subarray(0, 512));
  const admissionNumber = label.ok ? label.value.commandNumber : 0;
  return signedFor(
    lun,
    blockOf('pair.split', { group }, { requestId, arraySerial: 'TOKYO', admissionNumber }),
    SIGNING,
  );
}

const someId = () => randomHex(createRealRandom(), 16);

/** As many outcomes of other commands as it takes to forget the first, in one record of the log. */
async function rememberFurther(count: number): Promise<void> {
  const { log } = await openStateLog<object>(storage, () => []);
  const requests = Array.from({ length: count }, (_, index) => ({
    requestId: (index + 1).toString(16).padStart(32, '0'),
    process: 1,
    inputCrc: 0,
    status: 0,
    editedData: '',
    commandNumber: index + 2,
  }));
  await log.append({ requests });
  log.close();
}

describe('a signed block that is written again', () => {
  const executions = () => audit().filter(({ event }) => event === 'begun').length;

  it('gets the recorded outcome where it is signed anew, also after a restart, and is executed once', async () => {
    let lun = await served.opener(NEAR).open(`${served.url}/0`);
    const block = await signedSplit(lun, 'oradb', ID);
    expect(await writeBlock(lun, block, 1)).toBe('not-found');
    for (const slot of [1, 2, 3]) expect(await writeBlock(lun, block, slot)).toBe('stale-signature');
    expect(await writeBlock(lun, await signedSplit(lun, 'oradb', ID), 1)).toBe('not-found');
    await stop();
    await serve();
    lun = await served.opener(NEAR).open(`${served.url}/0`);
    expect(await writeBlock(lun, block, 1)).toBe('stale-signature');
    expect(await writeBlock(lun, await signedSplit(lun, 'oradb', ID), 1)).toBe('not-found');
    expect(executions()).toBe(1);
    expect(served.array.management.show().commandNumber).toBe(1);
  });

  it('is refused once its outcome is forgotten, and never executed', async () => {
    let lun = await served.opener(NEAR).open(`${served.url}/0`);
    const late = blockOf('pair.split', { group: 'oradb' }, { requestId: ID, arraySerial: 'TOKYO' });
    expect(await writeBlock(lun, await signedFor(lun, late, SIGNING), 1)).toBe('not-found');
    await stop();
    await rememberFurther(REMEMBERED_REQUESTS + 1);
    await serve();
    lun = await served.opener(NEAR).open(`${served.url}/0`);
    const before = served.array.management.show().commandNumber;
    expect(before).toBe(REMEMBERED_REQUESTS + 2);
    expect(await writeBlock(lun, await signedFor(lun, late, SIGNING), 1)).toBe('request-expired');
    expect(served.array.management.show().commandNumber).toBe(before);
  });

  it('is refused with any part of it exchanged, whoever makes the checksums right again', async () => {
    const lun = await served.opener(NEAR).open(`${served.url}/0`);
    const block = await signedSplit(lun, 'oradb');
    const other = await signedSplit(lun, 'payroll');
    // Name and HMAC of the one on the other.
    const forged = encodeRequestPart({
      process: PROCESSES['pair.split'].number,
      editedDataWanted: true,
      requestId: Buffer.from(other.subarray(16, 32)).toString('hex'),
      arraySerial: 'TOKYO',
      admissionNumber: 0,
      page: 0,
      host: 'root@db1:7',
      input: encodeRequest('pair.split', { header: { group: 'oradb' }, rows: [] }),
    });
    signRequestPart(forged, { ...SIGNING, key: new Uint8Array(32) });
    expect(await writeBlock(lun, forged, 1)).toBe('not-authenticated');
    expect(await writeBlock(lun, block, 2)).toBe('not-found');
    expect(audit().map(({ event, status }) => status ?? event)).toEqual(['not-authenticated', 'begun', 'not-found']);
  });
});

describe('the audit', () => {
  it('tells changes twice, refusals once, and queries not', async () => {
    await show(client(OPERATOR));
    await expect(split(client(OPERATOR))).rejects.toThrow();
    await expect(split(client(MONITOR))).rejects.toThrow();
    const common = { process: 'pair.split', group: 'oradb', host: 'root@db1:7', lun: 0 };
    expect(audit()).toMatchObject(
      [
        { ...common, event: 'begun', initiator: OPERATOR },
        { ...common, event: 'ended', initiator: OPERATOR, status: 'not-found' },
        { ...common, event: 'refused', initiator: MONITOR, status: 'permission-denied', why: /is a monitor/ },
      ].map(({ why: _why, ...record }: Record<string, unknown>) => record),
    );
    expect(audit()[0]!.nexus).toMatch(/^iqn\.2026-11\.com\.example:operator,i,0x[0-9a-f]{12}$/);
  });

  it('tells queries where that is wanted', async () => {
    served.access = { ...ACCESS, auditQueries: true };
    await show(client(MONITOR));
    expect(audit()).toMatchObject([{ event: 'answered', process: 'array.show', status: 'ok' }]);
  });

  it('tells blocks that are none, and those of other arrays', async () => {
    const lun = await served.opener(OWNER).open(`${served.url}/0`);
    const torn = await signedSplit(lun, 'oradb');
    torn[300]! ^= 1;
    expect(await writeBlock(lun, torn, 1)).toBe('bad-block');
    expect(audit()).toMatchObject([{ event: 'refused', status: 'bad-block', initiator: OWNER }]);
  });
});

describe('what the audit tells of a command', () => {
  const lunOf = (initiator: string) => served.opener(initiator).open(`${served.url}/0`);

  it('is what was asked, in what role, of which array, with every parameter', async () => {
    const lun = await lunOf(OWNER);
    const header = {
      group: 'oradb',
      pair: 'data',
      role: 'primary',
      noCopy: true,
      primaryLun: 10,
      auxiliaryLun: 7,
      primaryJournalLun: 20,
      auxiliaryJournalLun: 21,
      primarySerial: 'TOKYO',
      auxiliarySerial: 'OSAKA',
    } as const;
    expect(await writeBlock(lun, blockOf('pair.create', header, { requestId: ID, arraySerial: 'TOKYO' }), 1)).toBe(
      'ok',
    );
    const [begun, ended] = audit();
    expect(begun).toMatchObject({ event: 'begun', array: 'TOKYO', role: 'administrator', requestId: ID });
    expect(JSON.parse(begun!.asked!)).toEqual(header);
    expect(ended).toMatchObject({ event: 'ended', status: 'ok', array: 'TOKYO', role: 'administrator' });
    expect(ended).not.toHaveProperty('asked');
  });

  it('is the same of one that is refused, with why', async () => {
    const lun = await lunOf(MONITOR);
    const block = blockOf('pair.split', { group: 'oradb' }, { requestId: ID, arraySerial: 'TOKYO' });
    expect(await writeBlock(lun, block, 1)).toBe('permission-denied');
    expect(audit()).toMatchObject([
      { event: 'refused', role: 'monitor', asked: '{"group":"oradb"}', why: expect.stringMatching(/is a monitor/) },
    ]);
  });

  it('is bounded, whatever its parameters and names hold, and obeyed by no terminal', async () => {
    const lun = await lunOf(OWNER);
    // CSI as one character, and what makes the longest JSON.
    const group = `\u009b2J\u202e${'\u0001'.repeat(25)}`;
    expect(await writeBlock(lun, blockOf('pair.split', { group }, { requestId: ID, arraySerial: 'TOKYO' }), 1)).toBe(
      'not-found',
    );
    expect(JSON.parse(audit()[0]!.asked!)).toEqual({ group });
    expect(new TextDecoder().decode(read('audit-00000001'))).not.toMatch(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/,
    );
    const rows = Array.from({ length: 200 }, (_, startSequence) => ({ generation: 'a1b2c3d4e5f60718', startSequence }));
    const input = encodeRequest('pair.resync', {
      header: { group: 'oradb', role: 'auxiliary', discard: true, generation: 'a1b2c3d4e5f60718' },
      rows,
    });
    const long = encodeRequestPart({
      process: PROCESSES['pair.resync'].number,
      editedDataWanted: true,
      requestId: 'cd'.repeat(16),
      arraySerial: 'TOKYO',
      admissionNumber: 1,
      page: 0,
      host: 'root@db1:7',
      input,
    });
    await writeBlock(lun, long, 1);
    const told = audit().find(({ event, process }) => event === 'begun' && process === 'pair.resync')!;
    expect(told.asked).toMatch(/^\{"group":"oradb",.*\.\.\.$/);
    expect(JSON.stringify(told.asked).length).toBeLessThanOrEqual(ASKED_LIMIT + 2);
  });

  it('is also a request id that comes again with something else', async () => {
    const lun = await lunOf(OWNER);
    const split = (group: string) => blockOf('pair.split', { group }, { requestId: ID, arraySerial: 'TOKYO' });
    expect(await writeBlock(lun, split('oradb'), 1)).toBe('not-found');
    expect(await writeBlock(lun, split('other'), 1)).toBe('request-reused');
    expect(audit().at(-1)).toMatchObject({ event: 'refused', status: 'request-reused', asked: '{"group":"other"}' });
  });

  it('is also a WRITE that is no block, or in no slot: with its sense, before it is answered', async () => {
    const lun = await lunOf(MONITOR);
    await lun.capacity();
    await expect(lun.write(32, new Uint8Array(4096).fill(7))).rejects.toThrow(/26/);
    expect(audit()).toMatchObject([
      { event: 'refused', process: 'write', status: 'check-condition', sense: '5/26/0', lun: 0, initiator: MONITOR },
    ]);
    await expect(lun.write(0, new Uint8Array(512))).rejects.toThrow(/24/);
    expect(audit().at(-1)).toMatchObject({ sense: '5/24/0', why: expect.stringMatching(/at the start of a slot/) });
  });
});

/** Parameters of all processes. */
const HARMLESS = [
  'acceptInconsistent',
  'auxiliaryJournalLun',
  'auxiliaryLun',
  'auxiliarySerial',
  'changes',
  'copiedPairs',
  'discard',
  'generation',
  'giveUpDamaged',
  'group',
  'leaseMs',
  'life',
  'noCopy',
  'pair',
  'primaryJournalLun',
  'primaryLun',
  'primarySerial',
  'proof',
  'requestId',
  'role',
  'sequence',
  'startSequence',
  'toSequence',
];

it('no process has a parameter that nobody has thought about: what is a secret must not get into the audit', () => {
  const names = Object.values(PROCESSES).flatMap(({ request }) =>
    [request.header, request.row].flatMap((layout) => layout?.fields.map(({ name }) => name) ?? []),
  );
  expect([...new Set(names)].toSorted()).toEqual(HARMLESS);
});

describe('an audit that cannot be written', () => {
  it('keeps changes from being executed; queries go on', async () => {
    await stop();
    const state = { full: false };
    served = await serveTestArray({
      access: ACCESS,
      storage,
      parts: {
        async audit(parts) {
          const log = await openAuditLog(parts);
          const append: typeof log.append = async (entry) => {
            if (state.full) throw new Error('no space left on device');
            await log.append(entry);
          };
          return { append, note: append, unfinished: [], durableEnd: () => log.durableEnd(), close: () => log.close() };
        },
      },
    });
    state.full = true;
    await expect(split(client(OWNER))).rejects.toThrow(
      /not executed, because the audit cannot be written.*no space left/,
    );
    expect(served.array.management.show().commandNumber).toBe(0);
    expect((await show(client(OWNER))).header).toMatchObject({ serial: 'TOKYO' });
  });
});
