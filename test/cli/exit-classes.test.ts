import { describe, expect, it } from 'vitest';
import { CliError } from '../../src/cli/cli-error.ts';
import { EXIT_CLASSES, classOfSeveral } from '../../src/cli/exit-classes.ts';
import { failureOf } from '../../src/cli/failure.ts';
import { CommandError, type CommandErrorKind } from '../../src/host/command-error.ts';
import { STATUS, type StatusName } from '../../src/interface-block/status.ts';
import { TransferError } from '../../src/cli/transfer/transfer-error.ts';
import { deviceError } from '../../src/lun/device-errors.ts';
import { LunError, type LunErrorKind } from '../../src/lun/lun.ts';
import { ReplicationRefusal, type RefusalKind } from '../../src/replication/refusal.ts';

/** The promise to scripts, written down a second time. */
const CODES = {
  done: 0,
  'does-not-hold': 1,
  usage: 2,
  configuration: 3,
  'no-path': 4,
  refused: 5,
  timeout: 6,
  busy: 7,
  unsafe: 8,
  partial: 9,
  'outcome-unknown': 10,
  damaged: 11,
  bug: 70,
};

it('the exit codes never change', () => {
  expect(Object.fromEntries(Object.entries(EXIT_CLASSES).map(([name, { code }]) => [name, code]))).toEqual(CODES);
});

const LUN_CODES: Record<LunErrorKind, number> = {
  'no-path': 4,
  'no-such-lun': 4,
  'refused-for-safety': 8,
  'reservation-conflict': 7,
  busy: 7,
  'task-set-full': 7,
  'unit-attention': 7,
  'not-ready': 7,
  'no-medium': 5,
  'write-protected': 5,
  'check-condition': 5,
  'io-error': 5,
  timeout: 6,
  'bad-argument': 2,
};

const COMMAND_CODES: Record<CommandErrorKind, number> = {
  'no-path': 4,
  'not-a-command-device': 8,
  'wrong-array': 8,
  refused: 5,
  timeout: 6,
  busy: 7,
  'outcome-unknown': 10,
  'bad-answer': 5,
  'refused-for-safety': 8,
};

const REFUSAL_CODES: Record<RefusalKind, number> = {
  'bad-request': 2,
  'state-does-not-hold': 1,
  'refused-for-safety': 8,
  'would-be-refused': 5,
  'array-unreachable': 4,
  timeout: 6,
  cancelled: 9,
};

const STATUS_CODES: Partial<Record<StatusName, number>> = {
  'wrong-array': 8,
  'split-brain': 8,
  unsafe: 8,
  'request-expired': 10,
  busy: 7,
};

describe('the class of an error', () => {
  it.each(Object.entries(LUN_CODES))('of a LUN: %s', (kind, code) => {
    const failure = failureOf(new LunError(kind as LunErrorKind, '/dev/sdb', 'why'), 'lun show');
    expect(failure).toMatchObject({ exit: code, where: '/dev/sdb', why: 'why', path: '/dev/sdb', kind });
  });

  it('of a write that was lost on its way is that the outcome is unknown', () => {
    expect(failureOf(new LunError('no-path', 'p', 'lost', { outcome: 'unknown' }), '').exit).toBe(10);
  });

  it('advise to make room where the disk of the array is full: run again, it would only fail again', () => {
    const sense = { key: 0x7, asc: 0x27, ascq: 0x07 };
    const full = failureOf(new LunError('check-condition', 'p', 'full', { outcome: 'unknown', sense }), 'lun write');
    expect([full.exit, full.next]).toEqual([10, expect.stringMatching(/^make room where the array keeps its data/)]);
  });

  /** Linux' error numbers as a block device reports them: EBADE, EREMOTEIO, ENODATA, ENOSPC, ENOLINK, EIO. */
  it.each([
    [52, 7, 'reserved for another host'],
    [121, 5, 'refused the request'],
    [61, 5, 'MEDIUM ERROR'],
    [28, 5, 'thin pool'],
    [67, 4, 'transport'],
    [5, 5, 'input/output error'],
  ] as const)('of a copy onto a block device that answers errno %i', (errno, code, words) => {
    const answer = Object.assign(new Error('E'), { errno: -errno });
    const cause = deviceError('/dev/sdb', 'WRITE of 8 blocks at block 0', answer, true);
    const failure = failureOf(new TransferError(cause, 'copied', 4096, 8192, true), 'lun copy');
    expect(failure).toMatchObject({ exit: code, where: '/dev/sdb', doneBytes: 4096, totalBytes: 8192 });
    expect(failure.why).toContain(words);
    expect(failure.why).toMatch(/4 KiB of 8 KiB had been copied$/);
    // Of a WRITE that nothing marks, whether it was done matters more than why it failed.
    const plain = failureOf(new TransferError(cause, 'copied', 0, 8192), 'lun write');
    expect(plain.exit).toBe(cause.outcome === 'unknown' ? 10 : code);
  });

  it('of a copy that is marked tells of --resume where to run it again may help', () => {
    const next = (kind: LunErrorKind) =>
      failureOf(new TransferError(new LunError(kind, '/dev/sdb', 'why'), 'copied', 0, 8, true), 'lun copy').next;
    expect([next('timeout'), next('write-protected')].map((text) => text.includes('--resume'))).toEqual([true, false]);
  });

  it('of what a bad argument is about names the way out', () => {
    const next = (about: NonNullable<LunError['about']>) =>
      failureOf(new LunError('bad-argument', 'iscsi://h/t/1', 'why', { about }), '').next;
    expect([next('secret'), next('device-type'), next('needs-scsi')].join('\n')).toMatch(
      /CDCTL_CHAP_SECRET\n.*lun scan.*\n.*iscsi:/,
    );
  });

  it.each(Object.entries(COMMAND_CODES))('of a command: %s', (kind, code) => {
    const failure = failureOf(new CommandError(kind as CommandErrorKind, 'tokyo', 'why', { process: 'pair.show' }), '');
    expect(failure).toMatchObject({ exit: code, array: 'tokyo', process: 'pair.show', why: 'why' });
  });

  it.each(Object.keys(STATUS).filter((name) => name !== 'ok'))('of an array that answered %s', (status) => {
    const error = new CommandError('refused', 'tokyo', 'why', { status: status as StatusName });
    expect(failureOf(error, '')).toMatchObject({ exit: STATUS_CODES[status as StatusName] ?? 5, status });
  });

  it.each(Object.entries(REFUSAL_CODES))('of replication: %s', (kind, code) => {
    const refusal = new ReplicationRefusal(
      { kind: kind as RefusalKind, what: 'what', why: 'why', next: 'next' },
      { seen: 1 },
    );
    expect(failureOf(refusal, 'swap')).toMatchObject({
      exit: code,
      what: 'what',
      why: 'why',
      next: 'next',
      evidence: { seen: 1 },
    });
  });

  it('of anything else is a bug', () => {
    expect(failureOf(new TypeError('x is not a function'), 'swap')).toMatchObject({ exit: 70, where: 'cdctl swap' });
    expect(failureOf('thrown text', '').exit).toBe(70);
  });

  it('always says what, where, why and what to do next', () => {
    const errors = [
      new LunError('timeout', 'p', 'w'),
      new CommandError('busy', 'a', 'w'),
      new Error('w'),
      new CliError('usage', { what: 'x', why: 'w', next: 'n' }),
    ];
    for (const error of errors) {
      const { what, where, why, next } = failureOf(error, 'pair show');
      expect([what, where, why, next].every((line) => line.length > 0)).toBe(true);
    }
  });
});

it('several results of one class have that class, of different classes they are partial', () => {
  expect(classOfSeveral([])).toBe('done');
  expect(classOfSeveral(['busy', 'busy'])).toBe('busy');
  expect(classOfSeveral(['done', 'busy'])).toBe('partial');
});

it.each(['not-authenticated', 'permission-denied'] as const)('says where to look after %s', (status) => {
  const error = new CommandError('refused', 'tokyo', 'no', { status });
  expect(failureOf(error, 'lun list')).toMatchObject({ exit: 5, next: expect.stringContaining('array access show') });
});

describe('what the operating system refuses', () => {
  const codes = 'ENOSPC EDQUOT EROFS EACCES EPERM EEXIST EISDIR ENOTDIR ELOOP ENAMETOOLONG EMFILE ENFILE EIO';
  it.each(codes.split(' '))('%s is no mistake', (code) => {
    const error = Object.assign(new Error(`${code}: so it is, open '/array/state'`), {
      code,
      syscall: 'open',
      path: '/array/state',
    });
    expect(failureOf(error, 'array serve')).toMatchObject({ exit: 5, where: '/array/state', why: error.message });
  });

  it('differs from what we did wrong', () => {
    expect(failureOf(Object.assign(new Error('no'), { code: 'EBADF', syscall: 'read' }), 'lun read').exit).toBe(70);
    expect(failureOf(Object.assign(new Error('no'), { code: 'ENOSPC' }), 'lun read').exit).toBe(70);
    expect(failureOf(undefined, 'lun read').exit).toBe(70);
  });
});
