import { execFile } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOTHING, serveTestArray, TARGET, type ServedArray } from '../support/served-array.ts';

/** LUN masking and CHAP as libiscsi sees them (Debian libiscsi-bin 1.19). */

const DB = 'iqn.2026-11.com.example:db';
const LOGGER = 'iqn.2026-11.com.example:logger';
const SECRET = 'thesecretofdb';

let served: ServedArray;

beforeEach(async () => {
  served = await serveTestArray({
    access: {
      ...NOTHING,
      initiators: [
        { name: DB, luns: [0, 10], role: 'monitor' },
        { name: LOGGER, luns: [11] },
      ],
    },
  });
});

afterEach(async () => {
  await served.stop();
});

/** Exit code and all that it said; the array runs in this process, so nothing here may block. */
function tool(name: string, ...parameters: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(name, parameters, { timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, output: `${stdout}${stderr}` });
    });
  });
}

const portal = (credentials = '') => `iscsi://${credentials}127.0.0.1:${served.portal.port}`;
const list = (initiator: string, credentials?: string) => tool('iscsi-ls', '-s', '-i', initiator, portal(credentials));
const lunsIn = (output: string) => [...output.matchAll(/^Lun:(\d+)/gm)].map(([, lun]) => Number(lun));

describe('libiscsi', () => {
  it('finds the LUNs that its name was granted, and for a stranger not even the target', async () => {
    expect(lunsIn((await list(DB)).output)).toEqual([0, 10]);
    expect(lunsIn((await list(LOGGER)).output)).toEqual([11]);
    const stranger = await list('iqn.2026-11.com.example:stranger');
    expect(stranger.output).not.toContain(TARGET);
  });

  it('reads nothing of a LUN that is masked', async () => {
    const inquiry = (lun: number) => tool('iscsi-inq', '-i', DB, `${portal()}/${TARGET}/${lun}`);
    expect((await inquiry(10)).output).toMatch(/Product:VOLUME/);
    expect((await inquiry(11)).output).not.toMatch(/Product:VOLUME/);
    expect((await inquiry(20)).output).not.toMatch(/JOURNAL/);
  });

  it('gets in with its secret, and not with another', async () => {
    served.chap = { initiators: [{ initiator: DB, name: 'db', secret: SECRET }] };
    expect(lunsIn((await list(DB, `db%${SECRET}@`)).output)).toEqual([0, 10]);
    for (const credentials of [`db%${SECRET}x@`, 'db%anothersecret@', '']) {
      const refused = await list(DB, credentials);
      expect({ luns: lunsIn(refused.output), failed: refused.code !== 0 }).toEqual({ luns: [], failed: true });
    }
    expect((await list(LOGGER, `db%${SECRET}@`)).code).not.toBe(0);
  });

  it('is refused where MD5, the only algorithm it offers first, is not good enough', async () => {
    const initiators = [{ initiator: DB, name: 'db', secret: SECRET }];
    served.chap = { initiators, algorithms: [5, 6, 7, 8] };
    expect(lunsIn((await list(DB, `db%${SECRET}@`)).output)).toEqual([0, 10]);
    served.chap = { initiators, algorithms: [6, 7, 8] };
    const refused = await list(DB, `db%${SECRET}@`);
    expect({ luns: lunsIn(refused.output), failed: refused.code !== 0 }).toEqual({ luns: [], failed: true });
    // Our own offers more than MD5.
    const opener = served.opener(DB, { name: 'db', secret: SECRET });
    const lun = await opener.open(`${served.url.replace('://', '://db@')}/10`);
    expect(await lun.capacity()).toEqual({ blockSize: 512, blockCount: 256 });
    await lun.close();
  });
});
