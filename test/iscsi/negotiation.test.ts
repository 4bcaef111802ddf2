import { describe, expect, it } from 'vitest';
import { createNegotiator, parseNumber, type OperationalKey } from '../../src/iscsi/negotiation.ts';

/** Key, own value, offered value, answer (RFC 7143 section 13); undefined: none is due. */
const ANSWERS: readonly [OperationalKey, string, string, string | undefined][] = [
  ['HeaderDigest', 'None,CRC32C', 'CRC32C,None', 'CRC32C'],
  ['HeaderDigest', 'None,CRC32C', 'None,CRC32C', 'None'],
  ['HeaderDigest', 'CRC32C', 'None', 'Reject'],
  ['DataDigest', 'None,CRC32C', 'XYZ,CRC32C', 'CRC32C'],
  ['InitialR2T', 'No', 'No', 'No'],
  ['InitialR2T', 'No', 'Yes', 'Yes'],
  ['InitialR2T', 'Yes', 'No', 'Yes'],
  ['InitialR2T', 'Yes', 'yes', 'Reject'],
  ['ImmediateData', 'Yes', 'Yes', 'Yes'],
  ['ImmediateData', 'Yes', 'No', 'No'],
  ['ImmediateData', 'No', 'Yes', 'No'],
  ['MaxRecvDataSegmentLength', '262144', '8192', undefined],
  ['MaxRecvDataSegmentLength', '262144', '511', 'Reject'],
  ['MaxBurstLength', '262144', '16776192', '262144'],
  ['MaxBurstLength', '262144', '65536', '65536'],
  ['MaxBurstLength', '262144', '0x10000', '65536'],
  ['MaxBurstLength', '262144', '16777216', 'Reject'],
  ['MaxBurstLength', '262144', '1e5', 'Reject'],
  ['FirstBurstLength', '262144', '65536', '65536'],
  ['MaxOutstandingR2T', '1', '8', '1'],
  ['MaxConnections', '1', '4', '1'],
  ['MaxConnections', '1', '0', 'Reject'],
  ['DataPDUInOrder', 'Yes', 'No', 'Yes'],
  ['DataSequenceInOrder', 'Yes', 'No', 'Yes'],
  ['DefaultTime2Wait', '2', '0', '2'],
  ['DefaultTime2Wait', '2', '5', '5'],
  ['DefaultTime2Retain', '0', '20', '0'],
  ['ErrorRecoveryLevel', '0', '2', '0'],
  ['ErrorRecoveryLevel', '0', '3', 'Reject'],
  ['TaskReporting', 'RFC3720', 'FastAbort,RFC3720', 'RFC3720'],
  ['iSCSIProtocolLevel', '1', '2', '1'],
  ['IFMarker', 'No', 'Yes', 'No'],
  ['OFMarker', 'No', 'No', 'No'],
  ['IFMarkInt', 'Reject', '2048~2048', 'Reject'],
];

describe('answers to offers', () => {
  it.each(ANSWERS)('%s: own %s, offered %s, answer %s', (key, own, offered, answer) => {
    const received = createNegotiator({ [key]: own }).receive([[key, offered]]);
    expect(received).toEqual({ ok: true, value: answer === undefined ? [] : [[key, answer]] });
  });

  it('says NotUnderstood to keys that nobody knows', () => {
    expect(createNegotiator().receive([['X-com.example.thing', '1']])).toEqual({
      ok: true,
      value: [['X-com.example.thing', 'NotUnderstood']],
    });
  });

  it('keeps the first burst within the burst, in whatever order they come', () => {
    const answers = createNegotiator().receive([
      ['FirstBurstLength', '262144'],
      ['MaxBurstLength', '65536'],
    ]);
    expect(answers).toMatchObject({
      value: [
        ['MaxBurstLength', '65536'],
        ['FirstBurstLength', '65536'],
      ],
    });
  });

  it('refuses a key that is sent twice, in one text or in two', () => {
    const negotiator = createNegotiator();
    expect(negotiator.receive([['InitialR2T', 'No']]).ok).toBe(true);
    expect(negotiator.receive([['InitialR2T', 'No']])).toMatchObject({ ok: false, violation: { field: 'InitialR2T' } });
  });
});

describe('answers to own offers', () => {
  const offering = (key: OperationalKey): ReturnType<typeof createNegotiator> => {
    const negotiator = createNegotiator();
    negotiator.offer([key]);
    return negotiator;
  };

  it.each([
    ['HeaderDigest', 'CRC32C'],
    ['InitialR2T', 'Yes'],
    ['ImmediateData', 'No'],
    ['MaxBurstLength', '65536'],
    ['DefaultTime2Wait', '10'],
    ['ErrorRecoveryLevel', '0'],
    ['MaxBurstLength', 'Reject'],
    ['HeaderDigest', 'NotUnderstood'],
    ['FirstBurstLength', 'Irrelevant'],
  ] as const)('%s=%s is taken, and not answered', (key, value) => {
    const negotiator = offering(key);
    expect(negotiator.pending()).toBe(true);
    expect(negotiator.receive([[key, value]])).toEqual({ ok: true, value: [] });
    expect(negotiator.pending()).toBe(false);
  });

  it.each([
    ['HeaderDigest', 'MD5'],
    ['MaxBurstLength', '2097152'],
    ['DefaultTime2Wait', '1'],
    ['MaxConnections', '2'],
    ['InitialR2T', 'perhaps'],
  ] as const)('%s=%s breaks the rules', (key, value) => {
    expect(offering(key).receive([[key, value]])).toMatchObject({ ok: false, violation: { field: key, got: value } });
  });

  it('may be offered once', () => {
    expect(() => offering('InitialR2T').offer(['InitialR2T'])).toThrow('InitialR2T');
  });
});

describe('the outcome', () => {
  it('is what the RFC says where nothing was negotiated', () => {
    expect(createNegotiator().result()).toEqual({
      digests: { header: false, data: false },
      initialR2T: true,
      immediateData: true,
      maxSendDataSegmentLength: 8192,
      maxRecvDataSegmentLength: 8192,
      maxBurstLength: 262144,
      firstBurstLength: 65536,
      maxOutstandingR2T: 1,
      defaultTime2Wait: 2,
      defaultTime2Retain: 20,
      errorRecoveryLevel: 0,
    });
  });

  it('is the same on both sides', () => {
    const near = createNegotiator({ DataDigest: 'CRC32C,None', MaxBurstLength: '131072' });
    const far = createNegotiator({ MaxRecvDataSegmentLength: '65536', InitialR2T: 'Yes' });
    const offers = near.offer([
      'HeaderDigest',
      'DataDigest',
      'InitialR2T',
      'ImmediateData',
      'MaxRecvDataSegmentLength',
      'MaxBurstLength',
      'FirstBurstLength',
    ]);
    const answers = far.receive(offers);
    const declared = far.offer(['MaxRecvDataSegmentLength']);
    expect(near.receive([...(answers.ok ? answers.value : []), ...declared])).toEqual({ ok: true, value: [] });
    const { maxSendDataSegmentLength: nearSends, maxRecvDataSegmentLength: nearTakes, ...nearRest } = near.result();
    const { maxSendDataSegmentLength: farSends, maxRecvDataSegmentLength: farTakes, ...farRest } = far.result();
    expect(nearRest).toEqual(farRest);
    expect([nearSends, nearTakes]).toEqual([farTakes, farSends]);
    expect(nearRest).toMatchObject({
      digests: { header: false, data: true },
      initialR2T: true,
      maxBurstLength: 131072,
      firstBurstLength: 131072,
    });
    expect([nearSends, nearTakes]).toEqual([65536, 262144]);
  });
});

describe('numbers', () => {
  it.each([
    ['0', 0],
    ['4294967295', 4294967295],
    ['0xFf', 255],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['0x', undefined],
    [' 1', undefined],
  ])('%s is %s', (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });
});
