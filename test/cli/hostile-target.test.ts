import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { slowPdu, textData } from '../iscsi/slow-pdu.ts';
import { ended, program, start } from './support/run-program.ts';

/** A target written by hand that lies, and the built program that asks it. */

const servers: { server: Server; sockets: Set<Socket> }[] = [];

afterEach(() => {
  for (const { server, sockets } of servers.splice(0)) {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  }
});

type Answer = (request: Buffer, statSn: number) => Uint8Array | undefined;

/** Cuts the requests apart (no digests before or after this login) and lets `answer` say what comes back. */
function hostile(answer: Answer): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    let rest = Buffer.alloc(0);
    let statSn = 1;
    socket.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 48) {
        const length = 48 + rest[4]! * 4 + Math.ceil(rest.readUIntBE(5, 3) / 4) * 4;
        if (rest.length < length) return;
        const reply = answer(rest.subarray(0, length), statSn);
        rest = rest.subarray(length);
        statSn += 1;
        if (reply) socket.write(reply);
      }
    });
  });
  servers.push({ server, sockets });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

function reply(request: Buffer, statSn: number, opcode: number, flags: number, data: Uint8Array, ttt = 0xffff_ffff) {
  const tag = request.readUInt32BE(16);
  const cmdSn = request.readUInt32BE(24);
  const login = opcode === 0x23;
  return slowPdu({
    fields: [
      [0, 1, opcode],
      [1, 1, flags],
      [8, 6, login ? request.subarray(8, 14).toString('hex') : ''],
      [14, 2, login ? 7 : 0],
      [16, 4, tag],
      ...(login ? [] : ([[20, 4, ttt]] as const)),
      [24, 4, statSn],
      [28, 4, (cmdSn + (login ? 0 : 1)) % 2 ** 32],
      [32, 4, (cmdSn + 32) % 2 ** 32],
    ],
    data,
  });
}

/** Lets everybody in, and answers SendTargets with what `text` makes. */
function lettingIn(text: Answer): Answer {
  return (request, statSn) => {
    const opcode = request[0]! & 0x3f;
    if (opcode === 0x03) {
      const next = request[1]! & 0x03;
      return reply(request, statSn, 0x23, 0x80 | (request[1]! & 0x0c) | next, textData());
    }
    if (opcode === 0x06) return reply(request, statSn, 0x26, 0x80, new Uint8Array(0));
    return opcode === 0x04 ? text(request, statSn) : undefined;
  };
}

/** A target with one LUN for each number there is, which answers nothing that is asked of them. */
function withEndlessLuns(asked: () => void): Answer {
  const list = Buffer.alloc(8 + 8 * 16384);
  list.writeUInt32BE(list.length - 8, 0);
  for (let lun = 0; lun < 16384; lun += 1) list.writeUInt16BE(lun < 256 ? lun : 0x4000 | lun, 8 + lun * 8);
  const target = names('iqn.2026-11.evil:endless');
  const login = lettingIn((request, statSn) => reply(request, statSn, 0x24, 0x80, target));
  return (request, statSn) => {
    if ((request[0]! & 0x3f) !== 0x01) return login(request, statSn);
    if (request[32] !== 0xa0) {
      asked();
      return undefined;
    }
    const wanted = request.readUInt32BE(20);
    const data = list.subarray(0, Math.min(wanted, list.length));
    return reply(request, statSn, 0x25, 0x81, data);
  };
}

const names = (...list: string[]) => textData(...list.map((name) => `TargetName=${name}`));

async function scan(answer: Answer) {
  const where = await hostile(answer);
  return program(['lun', 'scan', where, '--timeout', '3s']);
}

function expectLegible({ stdout, stderr }: { stdout: string; stderr: string }): void {
  // eslint-disable-next-line no-control-regex
  expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
}

describe('what a hostile target says', () => {
  it.each([
    ['ESC', 'iqn.2026-11.evil:\u001b[2Jx'],
    ['a line end', 'iqn.2026-11.evil:x\nnode.startup = automatic'],
    ['the right-to-left override', 'iqn.2026-11.evil:\u202egpj'],
    ['a path', '../../../etc/cdctl'],
    ['65,000 bytes', `iqn.2026-11.evil:${'x'.repeat(65_000)}`],
  ])('a name with %s reaches no terminal as it is', async (_what, name) => {
    const data = names(name);
    const ran = await scan(
      lettingIn((request, statSn) =>
        data.length <= 8192
          ? reply(request, statSn, 0x24, 0x80, data)
          : reply(request, statSn, 0x24, 0x40, data.subarray(0, 8192), 1),
      ),
    );
    expect([4, 5]).toContain(ran.code);
    expectLegible(ran);
    if (data.length <= 8192) expect(ran.stderr + ran.stdout).toMatch(/no iSCSI name/);
    expect(ran.stdout.length + ran.stderr.length).toBeLessThan(100_000);
  });

  it('pages of text without end are cut off, long before the memory is', async () => {
    let pages = 0;
    const page = Buffer.from('TargetName=iqn.2026-11.evil:a\0'.repeat(200));
    const ran = await scan(
      lettingIn((request, statSn) => {
        pages += 1;
        return reply(request, statSn, 0x24, 0x40, page, 1);
      }),
    );
    expect([4, 5, 6]).toContain(ran.code);
    expect(pages).toBeLessThan(5000);
    expectLegible(ran);
  });

  it('a data segment longer than was agreed ends the session', async () => {
    const ran = await scan(
      lettingIn((request, statSn) => {
        const pdu = reply(request, statSn, 0x24, 0x80, new Uint8Array(0));
        pdu.set([0xff, 0xff, 0xff], 5);
        return pdu;
      }),
    );
    expect(ran.code).toBe(4);
    expect(ran.stderr).toMatch(/DataSegmentLength/);
  });

  it('silence after the login ends with the time that was given', async () => {
    const startedMs = Date.now();
    const ran = await scan(lettingIn(() => undefined));
    expect([4, 6]).toContain(ran.code);
    expect(Date.now() - startedMs).toBeLessThan(20_000);
  });

  it("text that is no text ends as the target's fault, not as a mistake of the program", async () => {
    const ran = await scan(
      lettingIn((request, statSn) => reply(request, statSn, 0x24, 0x80, Buffer.from([0xff, 0xfe, 0x3d, 0x00]))),
    );
    expect([4, 5]).toContain(ran.code);
    expectLegible(ran);
  });

  it('LUNs without end cost the time that was given, once, and what was not asked is said', async () => {
    let asked = 0;
    const startedMs = Date.now();
    const ran = await scan(withEndlessLuns(() => (asked += 1)));
    expect(Date.now() - startedMs).toBeLessThan(20_000);
    expect(asked).toBeGreaterThan(0);
    expect(ran.code).toBe(6);
    expect(ran.stdout).toMatch(/timeout: \d+ of 16384 LUNs were asked in time/);
  });

  it('SIGTERM ends a scan at once, whatever is left to ask', async () => {
    let sawQuestion = (): void => undefined;
    const question = new Promise<void>((resolve) => (sawQuestion = resolve));
    const where = await hostile(withEndlessLuns(() => sawQuestion()));
    const child = start(['lun', 'scan', where, '--timeout', '10m']);
    const end = ended(child);
    await question;
    child.kill('SIGTERM');
    const ran = await end;
    expect(ran.code).toBe(9);
    expect(ran.stderr).toMatch(/broken off by SIGTERM/);
  });
});
