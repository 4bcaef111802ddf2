import { describe, expect, it } from 'vitest';
import type { OperationalValues } from '../../src/iscsi/negotiation.ts';
import { createPortal, type PortalParts } from '../../src/lun/iscsi-portal.ts';
import { createLunOpener, type OpenerParts } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import type { SeenPdu } from '../iscsi/slow-pdu.ts';
import { BLOCK_SIZE, createDiskServer, type DiskServer } from '../support/disk-server.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { tapTransport, wireOf } from '../support/tapped-transport.ts';

/** The initiator against the target over sockets under every negotiation; data and what went over the wire are judged. */

const TARGET = 'iqn.2026-11.example:disks';
const NO_TAG = 0xffff_ffff;
const OWN_SEGMENT = 262_144;
const DISK_BLOCKS = 256;

interface Wire {
  readonly sent: SeenPdu[];
  readonly received: SeenPdu[];
}

interface Run {
  readonly server: DiskServer;
  readonly wire: Wire;
}

type Digests = { readonly header: boolean; readonly data: boolean };

/** Writes two extents at once, reads them back, compares; gives what went over the wire after the login. */
async function run(
  portalParts: Partial<PortalParts>,
  openerParts: Partial<OpenerParts>,
  digests: Digests,
  user = '',
): Promise<Run> {
  const { transport, taps } = tapTransport(createTcpTransport());
  const common = { transport, clock: createRealClock(), random: createSeededRandom(3) };
  const server = createDiskServer({ 1: DISK_BLOCKS * BLOCK_SIZE });
  const own = { host: '127.0.0.1', port: 0, targetName: TARGET, deviceServer: server };
  const portal = await createPortal({ ...common, ...own, ...portalParts });
  const opener = createLunOpener({
    ...common,
    initiatorName: 'iqn.2026-11.example:host',
    timeoutMs: 10_000,
    ...openerParts,
  });
  try {
    const query = [digests.header && 'header_digest=crc32c', digests.data && 'data_digest=crc32c'].filter(Boolean);
    const lun = await opener.open(`iscsi://${user}127.0.0.1:${portal.port}/${TARGET}/1?${query.join('&')}`);
    const extents = [
      { lba: 3, data: pattern(41 * BLOCK_SIZE, 1) },
      { lba: 100, data: pattern(3 * BLOCK_SIZE, 2) },
    ];
    await Promise.all(extents.map(({ lba, data }) => lun.write(lba, data)));
    const disk = server.disks.get(1)!;
    for (const { lba, data } of extents) {
      expect(Buffer.compare(disk.subarray(lba * BLOCK_SIZE, lba * BLOCK_SIZE + data.length), data)).toBe(0);
      expect(Buffer.compare(await lun.read(lba, data.length / BLOCK_SIZE), data)).toBe(0);
    }
    const around = [disk.subarray(0, 3 * BLOCK_SIZE), disk.subarray(44 * BLOCK_SIZE, 100 * BLOCK_SIZE)];
    for (const untouched of around) expect(Buffer.from(untouched).equals(Buffer.alloc(untouched.length))).toBe(true);
    await lun.close();
  } finally {
    await opener.close();
    await portal.close();
  }
  return { server, wire: wireOf(taps[0]!, digests) };
}

/** No byte is zero, so that one that was not written shows. */
function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 1 + ((index * 7 + (index >> 9) * 13 + seed) % 255));
}

interface Negotiated {
  readonly firstBurst: number;
  readonly maxBurst: number;
  readonly initialR2T: boolean;
  readonly immediate: boolean;
  /** What the target takes, and what the initiator takes, in one data segment. */
  readonly toTarget: number;
  readonly toInitiator: number;
}

/** RFC 7143 sections 13.10 to 13.14, restated: what each write may send unasked, and how the rest is asked for. */
function judgeWrites({ sent, received }: Wire, rules: Negotiated): void {
  for (const pdu of sent) expect(pdu.data.length).toBeLessThanOrEqual(rules.toTarget);
  for (const pdu of received) expect(pdu.data.length).toBeLessThanOrEqual(rules.toInitiator);
  const writes = sent.filter((pdu) => pdu.opcode === 1 && (pdu.flags & 0x20) !== 0);
  expect(writes).toHaveLength(2);
  for (const write of writes) {
    const tag = write.at(16, 4);
    const length = write.at(20, 4);
    const dataOut = sent.filter((pdu) => pdu.opcode === 5 && pdu.at(16, 4) === tag);
    const unasked = dataOut.filter((pdu) => pdu.at(20, 4) === NO_TAG);
    const asked = received.filter((pdu) => pdu.opcode === 0x31 && pdu.at(16, 4) === tag);
    const immediate = rules.immediate ? Math.min(length, rules.firstBurst, rules.toTarget) : 0;
    const unsolicited = rules.initialR2T ? 0 : Math.min(length, rules.firstBurst) - immediate;
    expect(write.data.length).toBe(immediate);
    expect(total(unasked)).toBe(unsolicited);
    expect(immediate + total(dataOut)).toBe(length);
    expect(asked).toHaveLength(Math.ceil((length - immediate - unsolicited) / rules.maxBurst));
    for (const r2t of asked) expect(r2t.at(44, 4)).toBeLessThanOrEqual(rules.maxBurst);
  }
}

function total(pdus: readonly SeenPdu[]): number {
  return pdus.reduce((sum, pdu) => sum + pdu.data.length, 0);
}

const YES_NO = [true, false];
const BURSTS = [
  [512, 512],
  [4096, 8192],
  [8192, 65_536],
] as const;
const yesNo = (value: boolean): string => (value ? 'Yes' : 'No');

describe.each(['initiator', 'target'] as const)('what the %s asks for holds', (who) => {
  const rows = [512, 4096, OWN_SEGMENT].flatMap((segment) => [
    { segment, digests: { header: false, data: false } },
    { segment, digests: { header: true, data: true } },
    ...(segment === 4096 ? [{ segment, digests: { header: true, data: false } }] : []),
    ...(segment === 512 ? [{ segment, digests: { header: false, data: true } }] : []),
  ]);

  it.each(rows)('segments of $segment, digests $digests', async ({ digests, segment }) => {
    for (const [firstBurst, maxBurst] of BURSTS) {
      for (const initialR2T of YES_NO) {
        for (const immediate of YES_NO) {
          const values: OperationalValues = {
            MaxRecvDataSegmentLength: String(segment),
            FirstBurstLength: String(firstBurst),
            MaxBurstLength: String(maxBurst),
            InitialR2T: yesNo(initialR2T),
            ImmediateData: yesNo(immediate),
          };
          const { wire } = await run(
            who === 'initiator' ? {} : { values },
            who === 'target' ? {} : { values },
            digests,
          );
          const toTarget = who === 'initiator' ? OWN_SEGMENT : segment;
          const toInitiator = who === 'target' ? OWN_SEGMENT : segment;
          judgeWrites(wire, { firstBurst, maxBurst, initialR2T, immediate, toTarget, toInitiator });
        }
      }
    }
  });
});

describe('CHAP', () => {
  const NONE = { header: false, data: false };
  const initiators = [{ name: 'hana', secret: 'correct horse battery' }];
  const target = { name: 'tokyo', secret: 'another secret here' };

  it.each([
    ['MD5', 5],
    ['SHA-1', 6],
    ['SHA-256', 7],
    ['SHA3-256', 8],
  ])('with %s, one way and both ways', async (_name, algorithm) => {
    const chap = { initiators, target, algorithms: [algorithm] };
    await run({ chap }, { credentials: () => initiators[0] }, NONE, 'hana@');
    await run({ chap }, { credentials: () => ({ ...initiators[0]!, target }) }, { header: true, data: true }, 'hana@');
    const wrong = { ...initiators[0]!, secret: 'not the secret at all' };
    await expect(run({ chap }, { credentials: () => wrong }, NONE, 'hana@')).rejects.toThrow(/authentication failed/);
    const liar = { ...initiators[0]!, target: { ...target, secret: 'what the target knows' } };
    await expect(run({ chap }, { credentials: () => liar }, NONE, 'hana@')).rejects.toThrow(/CHAP_R/);
  });

  it('is refused where the target wants no algorithm that is offered', async () => {
    const chap = { initiators, algorithms: [] };
    const credentials = () => initiators[0];
    await expect(run({ chap }, { credentials }, NONE, 'hana@')).rejects.toThrow(/authentication failed/);
  });
});
