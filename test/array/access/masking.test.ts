import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { isidOf } from '../../../src/array/far/host-ports.ts';
import { createArrayClient } from '../../../src/host/array-client.ts';
import { createRealClock } from '../../../src/lun/real-clock.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import { appendPdu, NO_DIGESTS } from '../../../src/iscsi/framing.ts';
import { encodeLoginRequest, STAGE } from '../../../src/iscsi/login-pdus.ts';
import { encodeText } from '../../../src/iscsi/text.ts';
import { inquiryCdb, readCdb, testUnitReadyCdb, writeCdb } from '../../../src/scsi/cdb.ts';
import { FIRST_WAIT_MS, FREE_FAILURES } from '../../../src/iscsi/target/login-patience.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { NOTHING, serveTestArray, TARGET, type ServedArray } from '../../support/served-array.ts';

/** LUN masking and admission, seen from outside: real sockets, our own initiator under several names. */

const DB = 'iqn.2026-11.com.example:db';
const LOGGER = 'iqn.2026-11.com.example:logger';
const EVERYTHING = 'iqn.2026-11.com.example:everything';
const STRANGER = 'iqn.2026-11.com.example:stranger';
const PEER = 'iqn.2026-11.io.cdctl:osaka.remote';

const ACCESS = {
  ...NOTHING,
  initiators: [
    { name: DB, luns: [0, 10], role: 'operator' },
    { name: LOGGER, luns: [0, 11] },
    { name: EVERYTHING, luns: 'all', role: 'administrator' },
    { name: PEER, luns: [], array: 'OSAKA' },
  ],
} as const;

let served: ServedArray;

/** A Login Request that does not ask for the next stage yet. */
function firstLogin(initiator: string): Uint8Array {
  const text = encodeText([
    ['InitiatorName', initiator],
    ['TargetName', TARGET],
    ['SessionType', 'Normal'],
    ['AuthMethod', 'None'],
  ]);
  const header = encodeLoginRequest({
    transit: false,
    continues: false,
    currentStage: STAGE.securityNegotiation,
    nextStage: STAGE.securityNegotiation,
    versionMax: 0,
    versionMin: 0,
    isid: fromHex('800000000001'),
    tsih: 0,
    initiatorTaskTag: 1,
    connectionId: 1,
    cmdSn: 1,
    expStatSn: 0,
  });
  const chunks: Uint8Array[] = [];
  appendPdu(chunks, header, text, NO_DIGESTS);
  return Buffer.concat(chunks);
}

beforeEach(async () => {
  served = await serveTestArray({ access: ACCESS });
});

afterEach(async () => {
  await served.stop();
});

const luns = (initiator: string) => served.opener(initiator).reportLuns(served.url);

describe('REPORT LUNS', () => {
  it.each([
    ['what is granted', DB, [0, 10]],
    ['no command device without a role', LOGGER, [11]],
    ['everything but journals', EVERYTHING, [0, 10, 11]],
  ] as const)('shows %s', async (_what, initiator, expected) => {
    expect(await luns(initiator)).toEqual(expected);
  });

  it('shows everything where nothing says otherwise', async () => {
    served.access = undefined;
    expect(await luns(STRANGER)).toEqual([0, 10, 11, 20]);
  });

  it('shows no journal by number either', async () => {
    served.access = { ...ACCESS, initiators: [{ name: DB, luns: [10, 20] }] };
    expect(await luns(DB)).toEqual([10]);
    expect((await served.send(DB, 20, readCdb(0, 1))).verdict).toBe('5/25/0');
  });

  it('follows a change of the grants at once, on sessions that exist', async () => {
    const opener = served.opener(DB);
    const lun = await opener.open(`${served.url}/10`);
    await lun.read(0, 1);
    served.access = { ...ACCESS, initiators: [{ name: DB, luns: [11] }] };
    await expect(lun.read(0, 1)).rejects.toThrow(/25|not supported|no such/i);
    expect(await opener.reportLuns(served.url)).toEqual([11]);
  });
});

describe('the other array of a group', () => {
  it('sees the journal and the volume that are paired with it; the hosts behind it see what is named', async () => {
    const client = createArrayClient({
      array: 'tokyo',
      serial: 'TOKYO',
      paths: [`${served.url}/0`],
      opener: served.opener(EVERYTHING),
      clock: createRealClock(),
      random: createRealRandom(),
      host: 'test',
      timeoutMs: 10_000,
    });
    const numbers = { primaryLun: 10, auxiliaryLun: 10, primaryJournalLun: 20, auxiliaryJournalLun: 20 };
    const serials = { primarySerial: 'TOKYO', auxiliarySerial: 'OSAKA' };
    const header = { group: 'oradb', pair: 'data', role: 'primary', noCopy: false, ...numbers, ...serials } as const;
    await client.call('pair.create', { header, rows: [] });
    await client.close();
    const passedOn = isidOf(`${DB},i,0x800000000000`);
    const verdicts = async (isid?: Uint8Array): Promise<readonly string[]> => {
      const found: string[] = [];
      for (const lun of [10, 11, 20]) {
        found.push((await served.send(PEER, lun, readCdb(0, 1), undefined, isid)).verdict);
      }
      return found;
    };
    expect(await luns(PEER)).toEqual([10, 20]);
    expect(await verdicts(fromHex('800000000010'))).toEqual(['good', '5/25/0', 'good']);
    expect(await verdicts(passedOn)).toEqual(['5/25/0', '5/25/0', '5/25/0']);
    served.access = { ...ACCESS, initiators: [{ name: PEER, luns: [10, 20], array: 'OSAKA' }] };
    expect(await verdicts(passedOn)).toEqual(['good', '5/25/0', '5/25/0']);
  });
});

describe('a masked LUN', () => {
  it.each([
    ['a volume of somebody else', 11],
    ['a journal', 20],
    ['a LUN that nobody has', 99],
  ] as const)('is not there: %s', async (_what, lun) => {
    const inquiry = await served.send(DB, lun, inquiryCdb(96));
    expect({ verdict: inquiry.verdict, first: inquiry.dataIn[0] }).toEqual({ verdict: 'good', first: 0x7f });
    for (const cdb of [testUnitReadyCdb(), readCdb(0, 1), inquiryCdb(255, 0x83), inquiryCdb(255, 0x80)]) {
      expect((await served.send(DB, lun, cdb)).verdict).toBe('5/25/0');
    }
    expect((await served.send(DB, lun, writeCdb(0, 1), new Uint8Array(512))).verdict).toBe('5/25/0');
    // PERSISTENT RESERVE IN, READ KEYS.
    expect((await served.send(DB, lun, fromHex('5e000000000000020000'))).verdict).toBe('5/25/0');
  });

  it('cannot be named in EXTENDED COPY, from nor to', async () => {
    const wwn = async (lun: number) => {
      const page = await served.send(EVERYTHING, lun, inquiryCdb(255, 0x83));
      return toHex(page.dataIn.subarray(8, 24));
    };
    const [own, masked] = [await wwn(10), await wwn(11)];
    const copy = (initiator: string, from: string, to: string) => {
      const unit = (name: string) => `e400000001030010${name}0000000000000200`;
      const segment = `02000018000000010000000100000000000000000000000000000001`;
      const list = fromHex(`07000040000000000000001c00000000${unit(from)}${unit(to)}${segment}`);
      const cdb = fromHex(`8300${'00'.repeat(8)}${list.length.toString(16).padStart(8, '0')}0000`);
      return served.send(initiator, 10, cdb, list);
    };
    expect((await copy(EVERYTHING, own, masked)).verdict).toBe('good');
    expect((await copy(DB, own, masked)).verdict).toBe('a/d/2');
    expect((await copy(DB, masked, own)).verdict).toBe('a/d/2');
  });
});

describe('an initiator that is granted nothing', () => {
  it('cannot log in, and discovery shows it no target', async () => {
    await expect(luns(STRANGER)).rejects.toThrow(/0202|authori[sz]|forbidden/i);
    const portal = `iscsi://127.0.0.1:${served.portal.port}`;
    expect(await served.opener(STRANGER).listTargets(portal)).toEqual([]);
    expect((await served.opener(DB).listTargets(portal)).map(({ name }) => name)).toEqual([TARGET]);
  });

  it('loses the session that it had', async () => {
    const lun = await served.opener(DB).open(`${served.url}/10`);
    await lun.read(0, 1);
    served.access = { ...ACCESS, initiators: [] };
    served.portal.drop((initiator) => initiator === DB);
    await expect(lun.read(0, 1)).rejects.toThrow();
    expect(served.portal.sessions().filter(({ initiatorName }) => initiatorName === DB)).toEqual([]);
  });

  it('loses the login that it had begun with the rights of before', async () => {
    const begun = connect(served.portal.port, '127.0.0.1');
    const named = connect(served.portal.port, '127.0.0.1');
    const hears = once(named, 'data');
    named.write(firstLogin(DB));
    await Promise.all([once(begun, 'connect'), hears]);
    // Whoever else has logged in meanwhile: all that came before has been accepted.
    const other = await served.opener(LOGGER).open(`${served.url}/11`);
    const closed = Promise.all([once(begun, 'close'), once(named, 'close')]);
    served.portal.drop((initiator) => initiator === DB);
    await closed;
    await other.read(0, 1);
    // Long before a login that does not come to its end is given up.
  }, 10_000);
});

describe('CHAP', () => {
  const secrets = { db: 'the secret of db', logger: 'the secret of logger', array: 'the secret of tokyo' };

  beforeEach(() => {
    served.chap = {
      initiators: [
        { initiator: DB, name: 'db', secret: secrets.db },
        { initiator: LOGGER, name: 'logger', secret: secrets.logger },
      ],
      target: { name: 'tokyo', secret: secrets.array },
    };
  });

  const login = (initiator: string, name: string, secret: string, target?: { name: string; secret: string }) =>
    served
      .opener(initiator, { name, secret, ...(target && { target }) })
      .reportLuns(served.url.replace('iscsi://', `iscsi://${name}@`));

  it('lets an initiator in with its own secret, and proves the array to it', async () => {
    expect(await login(DB, 'db', secrets.db)).toEqual([0, 10]);
    expect(await login(DB, 'db', secrets.db, { name: 'tokyo', secret: secrets.array })).toEqual([0, 10]);
  });

  it.each([
    ['a wrong secret', DB, 'db', 'the secret of dB'],
    ["another initiator's secret, rightly proved", DB, 'logger', 'the secret of logger'],
    ['an unknown user', DB, 'nobody', 'the secret of db'],
  ])('refuses %s', async (_what, initiator, name, secret) => {
    await expect(login(initiator, name, secret)).rejects.toThrow(/auth/i);
  });

  it('makes whoever guesses a secret wait, even with the right one, and no other initiator', async () => {
    const clock = createFakeClock();
    const { chap } = served;
    await served.stop();
    served = await serveTestArray({ access: ACCESS, chap, portalClock: clock });
    const guess = async (initiator: string, times: number): Promise<void> => {
      for (let time = 0; time < times; time += 1) {
        await expect(login(initiator, 'db', `guess ${time} of many`)).rejects.toThrow(/auth/i);
      }
    };
    await guess(DB, FREE_FAILURES - 1);
    expect(await login(DB, 'db', secrets.db), 'not yet').toEqual([0, 10]);
    await guess(DB, FREE_FAILURES + 4);
    await expect(login(DB, 'db', secrets.db)).rejects.toThrow(/auth/i);
    // Whoever only calls himself so knows none of its users, and keeps nobody waiting.
    await guess(LOGGER, FREE_FAILURES + 4);
    expect(await login(LOGGER, 'logger', secrets.logger)).not.toEqual([]);
    await clock.advance(FIRST_WAIT_MS);
    expect(await login(DB, 'db', secrets.db)).toEqual([0, 10]);
  });

  it('refuses who offers none, and an array that cannot prove itself is left', async () => {
    await expect(luns(DB)).rejects.toThrow(/auth/i);
    await expect(login(DB, 'db', secrets.db, { name: 'tokyo', secret: 'another secret' })).rejects.toThrow(/CHAP_R/);
  });
});
