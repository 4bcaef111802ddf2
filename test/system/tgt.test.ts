import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIscsiSession } from '../../src/lun/iscsi-session.ts';
import { LunError, type Lun } from '../../src/lun/lun.ts';
import { createLunOpener, type OpenerParts, type PathOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { program, temporaryDirectory } from '../cli/support/run-program.ts';
import { tapTransport, wireOf } from '../support/tapped-transport.ts';
import { Tgt } from './support/tgt.ts';

/** Our initiator and command line against tgtd, the target that Debian ships; data are judged by its backing files. */

const place = temporaryDirectory();
const images = [1, 2, 3].map((lun) => join(place.path, `lun${lun}.img`));
const BLOCK = 512;
const IMAGE_BYTES = 16 << 20;
const MAIN = 1;
const READ_ONLY = 2;
const EMPTY = 3;

const parts = { transport: createTcpTransport(), clock: createRealClock(), random: createRealRandom() };
const openers: PathOpener[] = [];
let tgt: Tgt;

function opener(more: Partial<OpenerParts> = {}): PathOpener {
  const made = createLunOpener({
    ...parts,
    initiatorName: 'iqn.2026-11.example:host',
    timeoutMs: 10_000,
    ...more,
  });
  openers.push(made);
  return made;
}

async function failureOf(run: Promise<unknown>): Promise<LunError> {
  const error: unknown = await run.then(
    () => new Error('did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof LunError) return error;
  throw error;
}

beforeAll(() => {
  for (const image of images) writeFileSync(image, '');
});

beforeEach(async () => {
  for (const image of images) {
    truncateSync(image, 0);
    truncateSync(image, IMAGE_BYTES);
  }
  tgt = await Tgt.start();
  tgt.addLun(MAIN, images[0]!, 'thin_provisioning=1');
  tgt.addLun(READ_ONLY, images[1]!, 'readonly=1');
  tgt.addLun(EMPTY, images[2]!, 'removable=1');
  tgt.admin('--mode', 'logicalunit', '--op', 'update', '--tid', '1', '--lun', String(EMPTY), '--params', 'online=No');
});

afterEach(async () => {
  tgt.signal('SIGCONT');
  await Promise.all(openers.splice(0).map((each) => each.close()));
  await tgt.kill();
});

afterAll(() => place.remove());

/** Writes of every size class to `lun`, compared with the backing file and read back. */
async function exchange(lun: Lun, image: string): Promise<void> {
  const extents = [
    { lba: 0, data: randomBytes(BLOCK) },
    { lba: 1, data: randomBytes(7 * BLOCK) },
    { lba: 1001, data: randomBytes(333 * BLOCK) },
    { lba: 8192, data: randomBytes(3 << 20) },
  ];
  await Promise.all(extents.map(({ lba, data }) => lun.write(lba, data)));
  await lun.flush();
  const backing = readFileSync(image);
  for (const { lba, data } of extents) {
    expect(backing.subarray(lba * BLOCK, lba * BLOCK + data.length).equals(data), `block ${lba}`).toBe(true);
    expect(Buffer.from(await lun.read(lba, data.length / BLOCK)).equals(data), `block ${lba} read`).toBe(true);
  }
}

describe('a LUN of tgt', () => {
  it('is found, tells who it is, and how large it is', async () => {
    const ours = opener();
    expect(await ours.listTargets(tgt.portal)).toEqual([{ name: tgt.targetName, addresses: [`${tgt.portal},1`] }]);
    expect(await ours.reportLuns(tgt.url(MAIN))).toEqual([0, MAIN, READ_ONLY, EMPTY]);
    const lun = await ours.open(tgt.url(MAIN));
    expect(await lun.capacity()).toEqual({ blockSize: BLOCK, blockCount: IMAGE_BYTES / BLOCK });
    const { vendor, product, serial, worldWideName } = await lun.identify();
    expect([vendor, product]).toEqual(['IET', 'VIRTUAL-DISK']);
    expect(serial).toMatch(/^beaf1/);
    expect(worldWideName).toMatch(/^[0-9a-f]{16,32}$/);
    expect((await failureOf(ours.open(tgt.url(0)))).message).toMatch(/no disk/);
  });

  it('holds what our initiator wrote, and gives what QEMU wrote', async () => {
    const lun = await opener().open(tgt.url(MAIN));
    await exchange(lun, images[0]!);
    const image = join(place.path, 'theirs.raw');
    writeFileSync(image, randomBytes(IMAGE_BYTES));
    execFileSync('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, tgt.url(MAIN)]);
    expect(Buffer.from(await lun.read(0, IMAGE_BYTES / BLOCK)).equals(readFileSync(image))).toBe(true);
  });

  const BASE = { InitialR2T: 'No', ImmediateData: 'Yes', MaxOutstandingR2T: 1, MaxRecvDataSegmentLength: 8192 };
  it.each([
    ['R2T for everything', { ...BASE, InitialR2T: 'Yes', ImmediateData: 'No' }, ''],
    ['immediate data only', { ...BASE, InitialR2T: 'Yes' }, ''],
    ['unsolicited data only', { ...BASE, ImmediateData: 'No' }, ''],
    [
      'four R2Ts at once',
      { ...BASE, InitialR2T: 'Yes', ImmediateData: 'No', MaxOutstandingR2T: 4, MaxBurstLength: 8192 },
      '',
    ],
    [
      'small segments and bursts',
      { ...BASE, MaxRecvDataSegmentLength: 512, MaxBurstLength: 2048, FirstBurstLength: 1024 },
      '',
    ],
    ['header digests', BASE, '?header_digest=crc32c'],
    ['data digests', BASE, '?data_digest=crc32c'],
    [
      'both digests, R2T only',
      { ...BASE, InitialR2T: 'Yes', ImmediateData: 'No' },
      '?header_digest=crc32c&data_digest=crc32c',
    ],
  ])('is written and read under %s', async (_name, values, query) => {
    tgt.negotiate({ FirstBurstLength: 65_536, MaxBurstLength: 262_144, ...values });
    if (query.includes('header')) tgt.negotiate({ HeaderDigest: 'CRC32C' });
    if (query.includes('data')) tgt.negotiate({ DataDigest: 'CRC32C' });
    const { transport, taps } = tapTransport(parts.transport);
    const lun = await opener({ transport }).open(`${tgt.url(MAIN)}${query}`);
    await exchange(lun, images[0]!);
    await lun.close();
    // What was asked of tgt is what went over the wire.
    const digests = { header: query.includes('header'), data: query.includes('data_') };
    const { sent, received } = wireOf(taps[0]!, digests);
    const unasked = sent.filter((pdu) => pdu.opcode === 5 && pdu.at(20, 4) === 0xffff_ffff);
    expect(sent.some((pdu) => pdu.opcode === 1 && pdu.data.length > 0)).toBe(values.ImmediateData === 'Yes');
    expect(unasked.length > 0).toBe(values.InitialR2T === 'No');
    expect(received.some((pdu) => pdu.opcode === 0x31)).toBe(true);
    for (const pdu of sent) expect(pdu.data.length).toBeLessThanOrEqual(values.MaxRecvDataSegmentLength);
  });
});

describe('CHAP with tgt', () => {
  const hana = { name: 'hana', secret: 'correct horse battery' };
  const tokyo = { name: 'tokyo', secret: 'anothersecrethere' };
  const as = (credentials: ReturnType<NonNullable<OpenerParts['credentials']>>): PathOpener =>
    opener({ credentials: () => credentials });

  it('one way', async () => {
    tgt.account(hana.name, hana.secret, 'target');
    await exchange(await as(hana).open(tgt.url(MAIN, 'hana')), images[0]!);
    const wrong = await failureOf(as({ ...hana, secret: 'not the right one' }).open(tgt.url(MAIN, 'hana')));
    expect([wrong.kind, wrong.message]).toEqual(['no-path', expect.stringMatching(/authentication failed/)]);
    const nobody = await failureOf(opener().open(tgt.url(MAIN)));
    expect([nobody.kind, nobody.message]).toEqual(['no-path', expect.stringMatching(/CHAP/)]);
  });

  it('both ways', async () => {
    tgt.account(hana.name, hana.secret, 'target');
    tgt.account(tokyo.name, tokyo.secret, 'target', true);
    await exchange(await as({ ...hana, target: tokyo }).open(tgt.url(MAIN, 'hana')), images[0]!);
    const liar = { ...tokyo, secret: 'what another one knows' };
    const unproven = await failureOf(as({ ...hana, target: liar }).open(tgt.url(MAIN, 'hana')));
    expect(unproven.message).toMatch(/proof that the target knows its secret/);
  });

  it('in discovery', async () => {
    tgt.account(hana.name, hana.secret, 'discovery');
    expect(await as(hana).listTargets(`hana@${tgt.portal}`)).toHaveLength(1);
    expect((await failureOf(opener().listTargets(tgt.portal))).message).toMatch(/CHAP/);
  });
});

describe('what tgt refuses', () => {
  it('is told apart: write protection, no medium, no such LUN, no such target', async () => {
    const ours = opener();
    const readOnly = await ours.open(tgt.url(READ_ONLY));
    await readOnly.read(0, 1);
    const protectedError = await failureOf(readOnly.write(0, new Uint8Array(BLOCK)));
    expect([protectedError.kind, protectedError.outcome]).toEqual(['write-protected', 'not-done']);
    const empty = await ours.open(tgt.url(EMPTY));
    expect((await failureOf(empty.read(0, 1))).kind).toBe('no-medium');
    expect((await failureOf(ours.open(tgt.url(9)))).kind).toBe('no-such-lun');
    const elsewhere = tgt.url(MAIN).replace(tgt.targetName, 'iqn.2026-11.example:other');
    expect((await failureOf(ours.open(elsewhere))).kind).toBe('no-path');
  });

  it('while another initiator holds a reservation, and only then', async () => {
    const lun = await opener().open(tgt.url(MAIN));
    await lun.read(0, 1);
    const other = createIscsiSession({
      ...parts,
      portal: { host: '127.0.0.1', port: tgt.port },
      target: tgt.targetName,
      initiatorName: 'iqn.2026-11.example:other-host',
    });
    const command = async (opcode: number): Promise<number> => {
      const cdb = Uint8Array.of(opcode, 0, 0, 0, 0, 0);
      const deadlineMs = parts.clock.monotonicMs() + 10_000;
      const field = Uint8Array.of(0, MAIN, 0, 0, 0, 0, 0, 0);
      return (await other.execute({ lun: field, cdb, deadlineMs, repeatable: false })).status;
    };
    // TEST UNIT READY until the unit attention of the new nexus is gone, then RESERVE(6).
    while ((await command(0x00)) !== 0);
    expect(await command(0x16)).toBe(0);
    const conflict = await failureOf(lun.write(0, new Uint8Array(BLOCK)));
    expect([conflict.kind, conflict.outcome]).toEqual(['reservation-conflict', 'not-done']);
    expect((await failureOf(lun.read(0, 1))).kind).toBe('reservation-conflict');
    expect(await command(0x17)).toBe(0);
    await lun.write(0, new Uint8Array(BLOCK));
    await other.close();
  });
});

describe('a tgt that fails', () => {
  it('and stands still: calls end in time, and work again when it goes on', async () => {
    const lun = await opener().open(tgt.url(MAIN));
    await lun.write(5, new Uint8Array(BLOCK).fill(1));
    tgt.signal('SIGSTOP');
    const begun = parts.clock.monotonicMs();
    const [read, write] = await Promise.all([
      failureOf(lun.read(5, 1, { timeoutMs: 1000 })),
      failureOf(lun.write(5, new Uint8Array(BLOCK).fill(2), { timeoutMs: 1000 })),
    ]);
    expect([read.kind, write.kind, write.outcome]).toEqual(['timeout', 'timeout', 'unknown']);
    const tookMs = parts.clock.monotonicMs() - begun;
    expect(tookMs).toBeGreaterThan(900);
    expect(tookMs).toBeLessThan(5000);
    tgt.signal('SIGCONT');
    await lun.write(5, new Uint8Array(BLOCK).fill(3));
    expect((await lun.read(5, 1))[0]).toBe(3);
  });

  it('and dies: it is no path; started again, it is one', async () => {
    const lun = await opener().open(tgt.url(MAIN));
    const data = randomBytes(BLOCK);
    await lun.write(7, data);
    await tgt.kill();
    expect((await failureOf(lun.read(7, 1, { timeoutMs: 3000 }))).kind).toBe('no-path');
    await tgt.run();
    tgt.addLun(MAIN, images[0]!);
    expect(Buffer.from(await lun.read(7, 1)).equals(data)).toBe(true);
  });
});

describe('the command line with tgt', () => {
  const input = join(place.path, 'input.raw');
  const output = join(place.path, 'output.raw');

  async function cdctl(...argv: string[]): Promise<{ code: number | null; json: Record<string, unknown> }> {
    const { code, stdout, stderr } = await program([...argv, '--json']);
    const line = (code === 0 ? stdout : stdout || stderr).trim().split('\n').at(-1)!;
    return { code, json: JSON.parse(line) as Record<string, unknown> };
  }

  it('writes and reads a LUN', async () => {
    writeFileSync(input, randomBytes(3 << 20));
    const url = tgt.url(MAIN);
    expect((await cdctl('lun', 'write', url, '--input', input, '--lba', '100', '--confirm', url)).code).toBe(0);
    const data = readFileSync(input);
    expect(
      readFileSync(images[0]!)
        .subarray(100 * BLOCK, 100 * BLOCK + data.length)
        .equals(data),
    ).toBe(true);
    const count = String(data.length / BLOCK);
    expect((await cdctl('lun', 'read', url, '--lba', '100', '--count', count, '--output', output)).code).toBe(0);
    expect(readFileSync(output).equals(data)).toBe(true);
  });

  it('ends with the exit code of each refusal', async () => {
    writeFileSync(input, randomBytes(BLOCK));
    const write = async (url: string): Promise<number | null> =>
      (await cdctl('lun', 'write', url, '--input', input, '--confirm', url)).code;
    expect(await write(tgt.url(READ_ONLY))).toBe(5);
    expect(await write(tgt.url(EMPTY))).toBe(5);
    expect(await write(tgt.url(9))).toBe(4);
    tgt.signal('SIGSTOP');
    const { code } = await program(['lun', 'read', tgt.url(MAIN), '--timeout', '1s']);
    expect(code).toBe(4);
  });

  it('authenticates with the secret of its configuration', async () => {
    tgt.account('hana', 'correct horse battery', 'target');
    const secret = join(place.path, 'hana.secret');
    writeFileSync(secret, 'correct horse battery\n');
    chmodSync(secret, 0o600);
    const config = join(place.path, 'cdctl.yaml');
    writeFileSync(
      config,
      [
        'version: 1',
        `arrays: { tokyo: { serial: TK000001, command-devices: ["${tgt.url(MAIN, 'hana')}"] } }`,
        `chap: { hana: { secret-file: ${secret} } }`,
      ].join('\n'),
    );
    const shown = await program(['lun', 'show', tgt.url(MAIN, 'hana'), '--config', config]);
    expect([shown.code, shown.stderr]).toEqual([0, '']);
    expect(shown.stdout).toContain('VIRTUAL-DISK');
    writeFileSync(secret, 'something else\n');
    const refused = await program(['lun', 'show', tgt.url(MAIN, 'hana'), '--config', config]);
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringMatching(/authentication failed/)]);
  });

  it('authenticates with secrets of the environment, both ways where the configuration wants it', async () => {
    tgt.account('hana', 'correct horse battery', 'target');
    tgt.account('tokyo', 'anothersecrethere', 'target', true);
    const argv = ['lun', 'show', tgt.url(MAIN, 'hana')];
    expect((await program(argv, { CDCTL_CHAP_SECRET: 'correct horse battery' })).code).toBe(0);
    expect((await program(argv, { CDCTL_CHAP_SECRET: 'something else' })).code).toBe(4);
    const missing = await program(argv);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringMatching(/no CHAP secret is known for user/)]);
    const config = join(place.path, 'mutual.yaml');
    const lines = [
      'version: 1',
      `arrays: { tokyo: { serial: TK000001, command-devices: ["${tgt.url(MAIN, 'hana')}"] } }`,
      'chap: { hana: { secret-env: HANA, target: { user: tokyo, secret-env: TOKYO } } }',
    ];
    writeFileSync(config, lines.join('\n'));
    const mutual = (TOKYO: string): ReturnType<typeof program> =>
      program([...argv, '--config', config], { HANA: 'correct horse battery', TOKYO });
    expect((await mutual('anothersecrethere')).code).toBe(0);
    const liar = await mutual('what another one knows');
    expect([liar.code, liar.stderr]).toEqual([4, expect.stringMatching(/proof that the target knows its secret/)]);
  });
});
