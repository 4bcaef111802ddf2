import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FIRST_CMD_SN, INITIATOR, ISID, OP, Script, TARGET } from './initiator-script.ts';
import { slowPdu, textData, textOf } from './slow-pdu.ts';

const USER = { name: 'hana', secret: 'correct horse battery' };
const KEYS = [
  'HeaderDigest=None,CRC32C',
  'DataDigest=None,CRC32C',
  'MaxRecvDataSegmentLength=262144',
  'DefaultTime2Wait=2',
  'DefaultTime2Retain=0',
  'ErrorRecoveryLevel=0',
];
const NORMAL_KEYS = [
  'InitialR2T=No',
  'ImmediateData=Yes',
  'MaxBurstLength=1048576',
  'FirstBurstLength=262144',
  'MaxOutstandingR2T=8',
  'MaxConnections=1',
  'DataPDUInOrder=Yes',
  'DataSequenceInOrder=Yes',
];

describe('login without credentials', () => {
  it('goes straight to the operational stage with all keys in one PDU', () => {
    const [request, ...more] = new Script().sent();
    expect(more).toEqual([]);
    expect(request!.hex).toBe(
      [
        '43870000',
        `00${request!.data.length.toString(16).padStart(6, '0')}`,
        ISID,
        '0000',
        '00000000',
        '00000000',
        FIRST_CMD_SN.toString(16),
        '00000000',
        '00'.repeat(16),
      ].join(''),
    );
    expect(textOf(request!.data)).toEqual([
      `InitiatorName=${INITIATOR}`,
      'SessionType=Normal',
      `TargetName=${TARGET}`,
      ...KEYS,
      ...NORMAL_KEYS,
    ]);
  });

  it('offers fewer keys for discovery', () => {
    const discovery = new Script({}, 'discovery');
    expect(textOf(discovery.sent()[0]!.data)).toEqual([`InitiatorName=${INITIATOR}`, 'SessionType=Discovery', ...KEYS]);
  });

  it('holds commands back until it is over, then uses the first CmdSN for the first command', () => {
    const script = new Script();
    script.sent();
    expect(script.submit({ dataIn: new Uint8Array(512) })).toEqual([]);
    const sent = script.play(script.loginPdu([1, 3], ['TargetPortalGroupTag=1']));
    expect(sent.map((pdu) => [pdu.opcode, pdu.at(24, 4), pdu.at(28, 4)])).toEqual([[OP.command, FIRST_CMD_SN, 501]]);
  });

  it('carries on where the target wants to say more', () => {
    const script = new Script();
    script.sent();
    const [second] = script.play(script.loginPdu([1], ['HeaderDigest=None', 'MaxRecvDataSegmentLength=8192']));
    expect(second!.flags).toBe(0x87);
    expect(second!.at(28, 4)).toBe(501);
    expect(textOf(second!.data)).toEqual([]);
    expect(script.play(script.loginPdu([1, 3], ['DataDigest=None']))).toEqual([]);
    expect(script.loggedIn).toBe(1);
  });

  it('answers what the target offers of its own accord', () => {
    const script = new Script();
    script.sent();
    const [second] = script.play(
      script.loginPdu([1], ['X-com.example.key=1', 'IFMarker=Yes', 'TaskReporting=FastAbort']),
    );
    expect(textOf(second!.data).toSorted()).toEqual([
      'IFMarker=No',
      'TaskReporting=Reject',
      'X-com.example.key=NotUnderstood',
    ]);
  });

  it('collects a text that goes over several PDUs', () => {
    const script = new Script();
    script.sent();
    const whole = textData('TargetPortalGroupTag=1', 'HeaderDigest=None');
    const first = script.loginPdu([1], [], [[1, 1, 0x44]]);
    const [empty] = script.play({ ...first, data: whole.subarray(0, 11) });
    expect([empty!.flags, empty!.data.length]).toEqual([0x87, 0]);
    script.play({ ...script.loginPdu([1, 3], []), data: whole.subarray(11) });
    expect(script.loggedIn).toBe(1);
  });

  it('ends in time', () => {
    const script = new Script({ limits: { loginTimeoutMs: 3000 } });
    expect(script.engine.nextDeadlineMs()).toBe(4000);
    script.tick(3000);
    expect(script.ends).toMatchObject([{ reason: 'timeout', retriable: true }]);
  });

  it('has the digests that are required, or fails', () => {
    const script = new Script({ requireDigests: { header: true, data: true } });
    expect(textOf(script.sent()[0]!.data)).toEqual(
      expect.arrayContaining(['HeaderDigest=CRC32C,None', 'DataDigest=CRC32C,None']),
    );
    script.play(script.loginPdu([1, 3], ['HeaderDigest=CRC32C', 'DataDigest=None']));
    expect(script.ends).toMatchObject([
      { reason: 'login-failed', message: expect.stringContaining('data digests') as string },
    ]);
  });
});

describe('a refused login', () => {
  it.each([
    [0x0201, /CHAP/, false],
    [0x0202, /access list/, false],
    [0x0203, /no such target/, false],
    [0x0301, /not available/, true],
    [0x0299, /refused the login \(login status 0x0299\)/, false],
  ])('with status 0x%s', (status, words, retriable) => {
    const script = new Script();
    script.sent();
    script.play(script.loginPdu([1], [], [[36, 2, status]]));
    expect(script.ends).toMatchObject([{ reason: 'login-failed', retriable }]);
    expect(script.ends[0]!.message).toMatch(words);
  });

  it("that names the target's new address", () => {
    const script = new Script();
    script.sent();
    script.play(script.loginPdu([1], ['TargetAddress=[::1]:3261,2'], [[36, 2, 0x0101]]));
    expect(script.ends).toMatchObject([{ redirect: '[::1]:3261' }]);
  });
});

describe('a target that breaks the rules of login', () => {
  it.each([
    ['another opcode', (script: Script) => script.other(OP.nopIn, 0xffff_ffff)],
    ['another stage', (script: Script) => script.loginPdu([0], [])],
    ['a transit to a stage not asked for', (script: Script) => script.loginPdu([1, 1], [])],
    ['another version', (script: Script) => script.loginPdu([1, 3], [], [[3, 1, 1]])],
    ['an answer outside the offer', (script: Script) => script.loginPdu([1, 3], ['MaxBurstLength=16776192'])],
    ['a key twice', (script: Script) => script.loginPdu([1], ['ImmediateData=No', 'ImmediateData=No'])],
    [
      'text without an end',
      (script: Script) => ({ ...script.loginPdu([1], []), data: Buffer.from('HeaderDigest=None') }),
    ],
    ['a new offer at the end', (script: Script) => script.loginPdu([1, 3], ['IFMarker=No'])],
  ])('by %s', (_name, pdu) => {
    const script = new Script();
    script.sent();
    script.play(pdu(script));
    expect(script.loggedIn).toBe(0);
    expect(script.ends).toMatchObject([{ reason: 'protocol-error', retriable: false }]);
  });

  it('by never coming to an end', () => {
    const script = new Script();
    script.sent();
    for (let exchange = 0; exchange <= 32; exchange++) script.play(script.loginPdu([1], []));
    expect(script.ends).toMatchObject([
      { reason: 'protocol-error', message: expect.stringContaining('33 exchanges') as string },
    ]);
  });

  it('by a data segment longer than allowed, before anything is kept of it', () => {
    const script = new Script();
    script.sent();
    script.feed(slowPdu({ fields: [...script.loginPdu([1], []).fields, [5, 3, 8193]] }).subarray(0, 48));
    expect(script.ends[0]!.message).toContain('DataSegmentLength');
  });
});

describe('CHAP', () => {
  const CHALLENGE = '00112233445566778899aabbccddeeff';
  const answerOf = (hash: string, identifier: number, secret: string, challenge: string): string =>
    createHash(hash)
      .update(Buffer.from([identifier]))
      .update(secret)
      .update(Buffer.from(challenge, 'hex'))
      .digest('hex');

  function toChallenge(script: Script, algorithm: number): string[] {
    const [first] = script.sent();
    expect(first!.flags).toBe(0x00);
    expect(textOf(first!.data).at(-1)).toMatch(/^AuthMethod=CHAP/);
    const [second] = script.play(script.loginPdu([0], ['AuthMethod=CHAP', 'TargetPortalGroupTag=1']));
    expect(textOf(second!.data)).toEqual(['CHAP_A=8,6,5,7']);
    const [third] = script.play(script.loginPdu([0], [`CHAP_A=${algorithm}`, 'CHAP_I=17', `CHAP_C=0x${CHALLENGE}`]));
    expect(third!.flags).toBe(0x81);
    return textOf(third!.data);
  }

  it.each([
    [5, 'md5'],
    [6, 'sha1'],
    [7, 'sha256'],
    [8, 'sha3-256'],
  ])('answers a challenge by algorithm %i (%s)', (algorithm, hash) => {
    const script = new Script({ credentials: USER });
    const response = answerOf(hash, 17, USER.secret, CHALLENGE);
    expect(toChallenge(script, algorithm)).toEqual(['CHAP_N=hana', `CHAP_R=0x${response}`]);
    const [operational] = script.play(script.loginPdu([0, 1], []));
    expect(operational!.flags).toBe(0x87);
    expect(textOf(operational!.data)).toEqual([...KEYS, ...NORMAL_KEYS]);
    script.play(script.loginPdu([1, 3], []));
    expect(script.loggedIn).toBe(1);
  });

  it('is left out where the target wants none', () => {
    const script = new Script({ credentials: USER });
    script.sent();
    const [second] = script.play(script.loginPdu([0], ['AuthMethod=None']));
    expect([second!.flags, second!.data.length]).toEqual([0x81, 0]);
    const [third] = script.play(script.loginPdu([0, 1], []));
    expect(third!.flags).toBe(0x87);
  });

  describe('with proof wanted of the target', () => {
    const both = { ...USER, target: { name: 'tokyo', secret: 'another secret here' } };

    function mutual(script: Script): { identifier: number; challenge: string } {
      const answer = new Map(toChallenge(script, 7).map((pair) => pair.split('=') as [string, string]));
      return { identifier: Number(answer.get('CHAP_I')), challenge: answer.get('CHAP_C')!.slice(2) };
    }

    it('goes on when the target knows its secret', () => {
      const script = new Script({ credentials: both });
      const { identifier, challenge } = mutual(script);
      expect(challenge).toHaveLength(64);
      const proof = answerOf('sha256', identifier, both.target.secret, challenge);
      const [next] = script.play(script.loginPdu([0, 1], ['CHAP_N=tokyo', `CHAP_R=0x${proof}`]));
      expect(next!.flags).toBe(0x87);
    });

    it.each([
      ['knows another secret', ['CHAP_N=tokyo', `CHAP_R=0x${'11'.repeat(32)}`]],
      ['has another name', ['CHAP_N=osaka', `CHAP_R=0x${'11'.repeat(32)}`]],
      ['gives no proof', []],
    ])('fails when the target %s', (_name, pairs) => {
      const script = new Script({ credentials: both });
      mutual(script);
      script.play(script.loginPdu([0, 1], pairs));
      expect(script.loggedIn).toBe(0);
      expect(script.ends).toMatchObject([{ reason: 'login-failed' }]);
    });

    it('does not do without', () => {
      const script = new Script({ credentials: both });
      script.sent();
      script.play(script.loginPdu([0], ['AuthMethod=None']));
      expect(script.ends).toMatchObject([
        { reason: 'login-failed', message: expect.stringContaining('AuthMethod=None') as string },
      ]);
    });
  });

  describe('with algorithms ruled out', () => {
    const begun = (): Script => {
      const script = new Script({ credentials: { ...USER, algorithms: [7, 8] } });
      script.sent();
      const [offer] = script.play(script.loginPdu([0], ['AuthMethod=CHAP', 'TargetPortalGroupTag=1']));
      expect(textOf(offer!.data)).toEqual(['CHAP_A=8,7']);
      return script;
    };

    it('takes no other, though the target does', () => {
      const script = begun();
      expect(script.play(script.loginPdu([0], ['CHAP_A=5', 'CHAP_I=17', `CHAP_C=0x${CHALLENGE}`]))).toEqual([]);
      expect(script.ends).toMatchObject([{ reason: 'login-failed', message: expect.stringContaining('CHAP_A') }]);
    });

    it('says what was offered where the target knows none of it', () => {
      const script = begun();
      script.play(script.loginPdu([0], [], [[36, 2, 0x0201]]));
      expect(script.ends).toMatchObject([
        {
          reason: 'login-failed',
          message: expect.stringContaining('may know none of those offered (sha3-256, sha256), or not admit'),
        },
      ]);
    });
  });

  it.each([
    ['an unknown algorithm', ['CHAP_A=9', 'CHAP_I=1', 'CHAP_C=0x11']],
    ['an identifier over a byte', ['CHAP_A=5', 'CHAP_I=256', 'CHAP_C=0x11']],
    ['a challenge that is no number', ['CHAP_A=5', 'CHAP_I=1', 'CHAP_C=zz']],
    ['a challenge of more than 1024 bytes', ['CHAP_A=5', 'CHAP_I=1', `CHAP_C=0x${'00'.repeat(1025)}`]],
  ])('fails on %s', (_name, pairs) => {
    const script = new Script({ credentials: USER });
    script.sent();
    script.play(script.loginPdu([0], ['AuthMethod=CHAP']));
    script.play(script.loginPdu([0], pairs));
    expect(script.ends).toMatchObject([{ reason: 'login-failed' }]);
    expect(script.ends[0]!.message).not.toContain(USER.secret);
  });
});

describe('every split of the login answer', () => {
  it('gives the same session', () => {
    const reference = new Script();
    const bytes = slowPdu(
      reference.loginPdu([1, 3], ['TargetPortalGroupTag=1', 'InitialR2T=Yes', 'MaxRecvDataSegmentLength=65536']),
    );
    for (let split = 1; split < bytes.length; split++) {
      const script = new Script();
      script.sent();
      script.feed(bytes.subarray(0, split));
      expect(script.loggedIn).toBe(0);
      script.feed(bytes.subarray(split));
      expect(script.loggedIn).toBe(1);
    }
  });
});
