import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createBench, FIRST_CMD_SN, INITIATOR, ISID, TARGET, type Bench, type Wire } from './wire.ts';

const NAMES = [`InitiatorName=${INITIATOR}`, `TargetName=${TARGET}`, 'SessionType=Normal'];
const NEXUS = `${INITIATOR},i,0x${ISID}`;
const valueOf = (text: readonly string[], key: string): string | undefined =>
  text.find((pair) => pair.startsWith(`${key}=`))?.slice(key.length + 1);

describe('a login in one PDU', () => {
  const LIBISCSI = [
    'HeaderDigest=None,CRC32C',
    'DataDigest=None',
    'InitialR2T=No',
    'ImmediateData=Yes',
    'MaxBurstLength=262144',
    'FirstBurstLength=262144',
    'MaxRecvDataSegmentLength=262144',
    'DefaultTime2Wait=2',
    'DefaultTime2Retain=0',
    'IFMarker=No',
    'OFMarker=No',
    'ErrorRecoveryLevel=0',
    'MaxConnections=1',
    'MaxOutstandingR2T=1',
    'DataPDUInOrder=Yes',
    'DataSequenceInOrder=Yes',
  ];

  it('is answered key by key and ends in the full feature phase', () => {
    const bench = createBench({ targetAlias: 'tokyo' });
    const wire = bench.connect();
    const answer = wire.login(LIBISCSI);
    expect(answer).toMatchObject({ status: 0, transit: true });
    expect(answer.tsih).not.toBe(0);
    expect(answer.pdu.flags).toBe(0x87);
    expect([...answer.text].sort()).toEqual(
      [
        'TargetAlias=tokyo',
        'TargetPortalGroupTag=1',
        ...LIBISCSI.map((pair) => (pair.startsWith('HeaderDigest') ? 'HeaderDigest=None' : pair)),
      ].sort(),
    );
    expect(bench.calls).toEqual([`opened ${NEXUS}`]);
    expect(wire.connection.current).toMatchObject({ initiatorName: INITIATOR, isid: ISID, nexus: NEXUS });
  });

  it('starts the counters where the initiator stands', () => {
    const wire = createBench().connect();
    const { pdu } = wire.login();
    expect([pdu.at(24, 4), pdu.at(28, 4), pdu.at(32, 4)]).toEqual([100, FIRST_CMD_SN, (FIRST_CMD_SN + 127) % 2 ** 32]);
    const [nop] = wire.send({
      fields: [
        [0, 1, 0x40],
        [1, 1, 0x80],
        [16, 4, 9],
        [20, 4, 0xffffffff],
        [24, 4, FIRST_CMD_SN],
      ],
    });
    expect([nop!.at(24, 4), nop!.at(28, 4)]).toEqual([101, FIRST_CMD_SN]);
  });

  it('says NotUnderstood to unknown keys and goes on', () => {
    const answer = createBench().connect().login(['X-com.example.x=1']);
    expect(answer).toMatchObject({ status: 0, transit: true });
    expect(answer.text).toContain('X-com.example.x=NotUnderstood');
  });

  it('compares target names without case', () => {
    const wire = createBench().connect();
    expect(wire.loginStep([1, 3], [`InitiatorName=${INITIATOR}`, `TargetName=${TARGET.toUpperCase()}`]).status).toBe(0);
  });
});

describe('a login in stages', () => {
  it('goes 0, 1, 3 as open-iscsi does it', () => {
    const wire = createBench().connect();
    const first = wire.loginStep([0, 1], [...NAMES, 'AuthMethod=None']);
    expect(first).toMatchObject({ status: 0, transit: true, tsih: 0 });
    expect(first.text).toEqual(['TargetPortalGroupTag=1', 'AuthMethod=None']);
    const second = wire.loginStep([1, 3], ['MaxRecvDataSegmentLength=262144']);
    expect(second).toMatchObject({ status: 0, transit: true });
    expect(second.text).toEqual(['MaxRecvDataSegmentLength=262144']);
    expect(second.tsih).not.toBe(0);
  });

  it('may go from 0 straight to 3, and then nothing differs from the defaults', () => {
    const wire = createBench().connect();
    expect(wire.loginStep([0, 3], [...NAMES, 'AuthMethod=CHAP,None'])).toMatchObject({ status: 0, transit: true });
    expect(wire.connection.parameters).toMatchObject({ initialR2T: true, maxRecvDataSegmentLength: 8192 });
  });

  it('does not transit before it is asked to, and takes keys over several PDUs', () => {
    const wire = createBench().connect();
    expect(wire.loginStep([1], NAMES)).toMatchObject({ status: 0, transit: false, tsih: 0 });
    expect(wire.loginStep([1], ['InitialR2T=Yes'])).toMatchObject({ transit: false, text: ['InitialR2T=Yes'] });
    expect(wire.loginStep([1, 3], [])).toMatchObject({ transit: true, text: [] });
    expect(wire.connection.parameters.initialR2T).toBe(true);
  });

  it('puts a text together that was cut with the C bit', () => {
    const wire = createBench().connect();
    const whole = Buffer.from(`${NAMES.join('\0')}\0`);
    const send = (data: Uint8Array, flags: number): ReturnType<Wire['send']> =>
      wire.send({
        fields: [
          [0, 1, 0x43],
          [1, 1, flags],
          [8, 6, ISID],
          [16, 4, 0x77],
          [20, 2, 1],
          [24, 4, 5],
        ],
        data,
      });
    const [first] = send(whole.subarray(0, 20), 0x44);
    expect([first!.flags, first!.at(36, 2), first!.data.length]).toEqual([0x04, 0, 0]);
    const [second] = send(whole.subarray(20), 0x87);
    expect([second!.flags, second!.at(36, 2)]).toEqual([0x87, 0]);
  });
});

describe('logins that are refused', () => {
  const cases: readonly [string, number, (wire: Wire) => number][] = [
    ['no initiator name', 0x0207, (wire) => wire.loginStep([1, 3], [`TargetName=${TARGET}`]).status],
    ['no target name', 0x0207, (wire) => wire.loginStep([1, 3], [`InitiatorName=${INITIATOR}`]).status],
    [
      'another target name',
      0x0203,
      (wire) => wire.loginStep([1, 3], [`InitiatorName=${INITIATOR}`, 'TargetName=iqn.x:y']).status,
    ],
    [
      'an unknown session type',
      0x0209,
      (wire) => wire.loginStep([1, 3], [...NAMES.slice(0, 2), 'SessionType=Odd']).status,
    ],
    ['a version from the future', 0x0205, (wire) => wire.login([], [[2, 2, 0x0101]]).status],
    ['a session that does not exist', 0x020a, (wire) => wire.login([], [[14, 2, 999]]).status],
    ['a stage that does not exist', 0x0200, (wire) => wire.loginStep([2, 3], NAMES).status],
    ['a login that begins in the full feature phase', 0x0200, (wire) => wire.loginStep([3], NAMES).status],
    ['a transit backwards', 0x0200, (wire) => wire.loginStep([1, 0], NAMES).status],
    ['a transit to stage 2', 0x0200, (wire) => wire.loginStep([1, 2], NAMES).status],
    ['a transit in the middle of a text', 0x0200, (wire) => wire.login([], [[1, 1, 0xc7]]).status],
    ['a key sent twice', 0x0200, (wire) => wire.login(['InitialR2T=No', 'InitialR2T=No']).status],
    [
      'a text without end',
      0x0200,
      (wire) =>
        wire
          .send({
            fields: [
              [0, 1, 0x43],
              [1, 1, 0x87],
            ],
            data: Buffer.from('A=1'),
          })[0]!
          .at(36, 2),
    ],
    [
      'only methods that are not configured',
      0x0201,
      (wire) => wire.loginStep([0, 1], [...NAMES, 'AuthMethod=CHAP']).status,
    ],
    [
      'a stage that changes without a transit',
      0x020b,
      (wire) => {
        wire.loginStep([0], [...NAMES, 'AuthMethod=None']);
        return wire.loginStep([1, 3], []).status;
      },
    ],
    [
      'a task tag that changes',
      0x020b,
      (wire) => {
        wire.loginStep([1], NAMES);
        return wire.loginStep([1, 3], [], [[16, 4, 0x78]]).status;
      },
    ],
  ];

  it.each(cases)('%s', (_name, status, attempt) => {
    const bench = createBench();
    const wire = bench.connect();
    expect(attempt(wire).toString(16)).toBe(status.toString(16));
    expect(wire.connection.closing).toBe('after-output');
    expect(wire.login.bind(wire)).toThrow('no answer');
    expect(bench.calls).toEqual([]);
    expect(bench.events.map((event) => event.kind)).toEqual(['login-refused']);
  });

  it('a second connection of a session', () => {
    const bench = createBench();
    const { tsih } = bench.connect().login();
    expect(bench.connect().login([], [[14, 2, tsih]]).status).toBe(0x0206);
  });

  it('anything but a login drops the connection', () => {
    const wire = createBench().connect();
    expect(wire.command({ tag: 1, flags: 0xc0 })).toEqual([]);
    expect(wire.connection.closing).toBe('now');
  });

  it('no login in time drops the connection', () => {
    const wire = createBench().connect();
    expect(wire.connection.deadlineMs()).toBe(16_000);
    wire.connection.tick(15_999);
    expect(wire.connection.closing).toBe('no');
    wire.connection.tick(16_000);
    expect(wire.connection.closing).toBe('now');
  });
});

const HASHES = { 5: 'md5', 6: 'sha1', 7: 'sha256', 8: 'sha3-256' } as const;
const BOB = { name: 'bob', secret: 'the secret of bob' };
const ARRAY = { name: 'array', secret: 'the array proves itself' };

function respond(algorithm: keyof typeof HASHES, identifier: number, secret: string, challengeHex: string): Buffer {
  const input = Buffer.concat([Buffer.of(identifier), Buffer.from(secret), Buffer.from(challengeHex, 'hex')]);
  return createHash(HASHES[algorithm]).update(input).digest();
}

interface Challenge {
  readonly wire: Wire;
  readonly algorithm: keyof typeof HASHES;
  readonly identifier: number;
  readonly challengeHex: string;
}

function challengeOf(bench: Bench, offered: string): Challenge {
  const wire = bench.connect();
  const method = wire.loginStep([0, 1], [...NAMES, 'AuthMethod=CHAP,None']);
  expect(method).toMatchObject({ status: 0, transit: false });
  expect(method.text).toContain('AuthMethod=CHAP');
  const { text, status, transit } = wire.loginStep([0, 1], [`CHAP_A=${offered}`]);
  expect([status, transit]).toEqual([0, false]);
  return {
    wire,
    algorithm: Number(valueOf(text, 'CHAP_A')) as keyof typeof HASHES,
    identifier: Number(valueOf(text, 'CHAP_I')),
    challengeHex: valueOf(text, 'CHAP_C')!.slice(2),
  };
}

describe('CHAP', () => {
  const oneWay = { chap: { initiators: [{ name: 'eve', secret: 'not the one' }, BOB] } };
  const mutual = { chap: { initiators: [BOB], target: ARRAY } };

  it.each([5, 6, 7, 8] as const)('lets in who knows the secret, by algorithm %i', (algorithm) => {
    for (const encode of [
      (bytes: Buffer) => `0x${bytes.toString('hex')}`,
      (bytes: Buffer) => `0b${bytes.toString('base64')}`,
    ]) {
      const { wire, identifier, challengeHex } = challengeOf(createBench(oneWay), String(algorithm));
      const response = respond(algorithm, identifier, BOB.secret, challengeHex);
      expect(wire.loginStep([0, 1], ['CHAP_N=bob', `CHAP_R=${encode(response)}`])).toMatchObject({
        status: 0,
        transit: true,
      });
      expect(wire.loginStep([1, 3], [])).toMatchObject({ status: 0, transit: true });
    }
  });

  it('proves itself in return', () => {
    const { wire, identifier, challengeHex } = challengeOf(createBench(mutual), '7');
    const response = respond(7, identifier, BOB.secret, challengeHex);
    const own = 'aa'.repeat(16);
    const { text, status } = wire.loginStep(
      [0, 1],
      ['CHAP_N=bob', `CHAP_R=0x${response.toString('hex')}`, 'CHAP_I=9', `CHAP_C=0x${own}`],
    );
    expect(status).toBe(0);
    expect(text).toEqual(['CHAP_N=array', `CHAP_R=0x${respond(7, 9, ARRAY.secret, own).toString('hex')}`]);
  });

  const refused: readonly [string, (challenge: Challenge) => string[]][] = [
    [
      'a wrong secret',
      ({ identifier, challengeHex }) => [
        'CHAP_N=bob',
        `CHAP_R=0x${respond(7, identifier, 'guess', challengeHex).toString('hex')}`,
      ],
    ],
    [
      'an unknown name',
      ({ identifier, challengeHex }) => [
        'CHAP_N=mallory',
        `CHAP_R=0x${respond(7, identifier, '', challengeHex).toString('hex')}`,
      ],
    ],
    ['no response', () => ['CHAP_N=bob']],
    ['a response that is too long', () => ['CHAP_N=bob', `CHAP_R=0x${'00'.repeat(1025)}`]],
    [
      'our challenge sent back',
      ({ identifier, challengeHex }) => [
        'CHAP_N=bob',
        `CHAP_R=0x${respond(7, identifier, BOB.secret, challengeHex).toString('hex')}`,
        'CHAP_I=1',
        `CHAP_C=0x${challengeHex}`,
      ],
    ],
    [
      'an identifier beyond a byte',
      ({ identifier, challengeHex }) => [
        'CHAP_N=bob',
        `CHAP_R=0x${respond(7, identifier, BOB.secret, challengeHex).toString('hex')}`,
        'CHAP_I=256',
        'CHAP_C=0xaabb',
      ],
    ],
  ];
  it.each(refused)('refuses %s', (_name, pairs) => {
    const bench = createBench(mutual);
    const challenge = challengeOf(bench, '7');
    expect(challenge.wire.loginStep([0, 1], pairs(challenge)).status).toBe(0x0201);
    expect(bench.calls).toEqual([]);
  });

  it('refuses mutual CHAP where it has no secret of its own', () => {
    const { wire, identifier, challengeHex } = challengeOf(createBench(oneWay), '7');
    const response = respond(7, identifier, BOB.secret, challengeHex).toString('hex');
    expect(wire.loginStep([0, 1], ['CHAP_N=bob', `CHAP_R=0x${response}`, 'CHAP_I=1', 'CHAP_C=0xaa']).status).toBe(
      0x0201,
    );
  });

  it('cannot be left out', () => {
    expect(createBench(oneWay).connect().login().status).toBe(0x0201);
    expect(
      createBench(oneWay)
        .connect()
        .loginStep([0, 1], [...NAMES, 'AuthMethod=None']).status,
    ).toBe(0x0201);
    expect(createBench(oneWay).connect().loginStep([0, 3], NAMES).status).toBe(0x0201);
    const wire = createBench(oneWay).connect();
    wire.loginStep([0, 1], [...NAMES, 'AuthMethod=CHAP']);
    expect(wire.loginStep([1, 3], []).status).toBe(0x020b);
  });

  it.each(['56', '', '5x'])('refuses the algorithms "%s"', (offered) => {
    const wire = createBench(oneWay).connect();
    wire.loginStep([0, 1], [...NAMES, 'AuthMethod=CHAP']);
    expect(wire.loginStep([0, 1], [`CHAP_A=${offered}`]).status).toBe(0x0201);
  });

  it('refuses to be configured with one secret for both directions', () => {
    expect(() => createBench({ chap: { initiators: [BOB], target: { name: 'x', secret: BOB.secret } } })).toThrow(
      'differ',
    );
  });
});

describe('session reinstatement', () => {
  it('ends the earlier session of the same nexus before the new one begins', () => {
    const bench = createBench();
    const old = bench.connect();
    old.login();
    const wire = bench.connect();
    expect(wire.login().status).toBe(0);
    expect(old.connection.closing).toBe('now');
    expect(bench.calls).toEqual([`opened ${NEXUS}`, `lost ${NEXUS}`, `opened ${NEXUS}`]);
  });

  it('waits until nothing of the earlier session is executed any more', () => {
    const bench = createBench();
    const old = bench.connect();
    old.login();
    old.command({ tag: 1, flags: 0xc0, length: 512 });
    const [task] = old.tasks;
    const wire = bench.connect();
    expect(() => wire.login()).toThrow('no answer');
    expect(task!.aborted).toBe(true);
    old.connection.complete(task!, { status: 0 });
    expect(wire.output()[0]!.at(36, 2)).toBe(0);
    expect(old.output()).toEqual([]);
  });

  it('waits also after the earlier connection was lost', () => {
    const bench = createBench();
    const old = bench.connect();
    old.login();
    old.command({ tag: 1, flags: 0xc0, length: 512 });
    old.connection.lost();
    const wire = bench.connect();
    expect(() => wire.login()).toThrow('no answer');
    old.connection.complete(old.tasks[0]!, { status: 0 });
    expect(wire.output()).toHaveLength(1);
    expect(bench.calls).toEqual([`opened ${NEXUS}`, `lost ${NEXUS}`, `opened ${NEXUS}`]);
  });

  it('leaves sessions with another ISID or name alone', () => {
    const bench = createBench();
    const wires = [bench.connect(), bench.connect(), bench.connect()];
    const tsihs = [wires[0]!.login().tsih, wires[1]!.login([], [[8, 6, '80a1b2c3d4e6']]).tsih];
    tsihs.push(wires[2]!.loginStep([1, 3], ['InitiatorName=iqn.2026-11.test:other', `TargetName=${TARGET}`]).tsih);
    expect(new Set(tsihs).size).toBe(3);
    expect(wires.map((wire) => wire.connection.closing)).toEqual(['no', 'no', 'no']);
  });
});

describe('a target that has moved', () => {
  const movedTo = (name: string) =>
    name === INITIATOR ? { address: '[2001:db8::7]:3261', permanent: false } : undefined;

  it.each([
    [false, 0x0101],
    [true, 0x0102],
  ])('says where to; permanent: %s', (permanent, status) => {
    const bench = createBench({ movedTo: () => ({ address: '192.0.2.7:3261', permanent }) });
    const wire = bench.connect();
    const answer = wire.login();
    expect([answer.status, answer.transit, answer.text]).toEqual([status, false, ['TargetAddress=192.0.2.7:3261']]);
    expect(wire.connection.closing).toBe('after-output');
    expect(bench.calls).toEqual([]);
  });

  it('lets others in, and discovery', () => {
    const moved = createBench({ movedTo });
    expect(moved.connect().login().text).toEqual(['TargetAddress=[2001:db8::7]:3261']);
    expect(
      createBench({ movedTo: () => undefined })
        .connect()
        .login().status,
    ).toBe(0);
    const discovery = moved.connect().loginStep([1, 3], [`InitiatorName=${INITIATOR}`, 'SessionType=Discovery']);
    expect(discovery.status).toBe(0);
  });

  it('does not say so before it knows who asks', () => {
    const chap = { initiators: [{ name: 'hana', secret: 'correct horse battery' }] };
    const answer = createBench({ movedTo, chap }).connect().login();
    expect([answer.status, answer.text]).toEqual([0x0201, []]);
  });
});
