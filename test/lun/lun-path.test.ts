import { describe, expect, it } from 'vitest';
import { LunError } from '../../src/lun/lun.ts';
import { formatPortal, parseLunPath, parsePortal, parsePortalPath } from '../../src/lun/lun-path.ts';

const TARGET = 'iqn.2026-11.example:tokyo';
const PLAIN = { user: undefined, headerDigest: false, dataDigest: false };

function refusal(run: () => unknown): LunError {
  try {
    run();
  } catch (error) {
    if (error instanceof LunError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('LUN paths', () => {
  it('takes device files', () => {
    expect(parseLunPath('/dev/disk/by-id/wwn-0x5000')).toEqual({
      kind: 'block-device',
      file: '/dev/disk/by-id/wwn-0x5000',
    });
  });

  it.each([
    ['iscsi://10.0.0.7/' + TARGET + '/0', { portal: { host: '10.0.0.7', port: 3260 }, lun: 0 }],
    ['iscsi://array.example:3261/' + TARGET + '/255', { portal: { host: 'array.example', port: 3261 }, lun: 255 }],
    ['iscsi://[fe80::1%eth0]:9/' + TARGET + '/16383', { portal: { host: 'fe80::1%eth0', port: 9 }, lun: 16383 }],
    ['iscsi://[::1]/' + TARGET + '/5', { portal: { host: '::1', port: 3260 }, lun: 5 }],
    ['iscsi://hana@h/' + TARGET + '/5', { portal: { host: 'h', port: 3260 }, lun: 5, user: 'hana' }],
    [
      'iscsi://h/' + TARGET + '/5?header_digest=crc32c&data_digest=CRC32C',
      { portal: { host: 'h', port: 3260 }, lun: 5, headerDigest: true, dataDigest: true },
    ],
    ['iscsi://h/' + TARGET + '/5?header_digest=none', { portal: { host: 'h', port: 3260 }, lun: 5 }],
  ])('takes %s', (path, expected) => {
    expect(parseLunPath(path)).toEqual({ kind: 'iscsi', target: TARGET, ...PLAIN, ...expected });
  });

  it.each([
    ['', 'neither a device'],
    ['dev/sda', 'neither a device'],
    ['/etc/passwd', '/dev/...'],
    ['/dev/../etc/passwd', '/dev/...'],
    ['iscsi://h', 'expected iscsi://'],
    ['iscsi://h/' + TARGET, 'expected iscsi://'],
    ['iscsi://h/' + TARGET + '/1/2', 'expected iscsi://'],
    ['iscsi:///' + TARGET + '/1', 'no host'],
    ['iscsi://@h/' + TARGET + '/1', 'user before @ is empty'],
    ['iscsi://h:0/' + TARGET + '/1', 'port 0'],
    ['iscsi://h:65536/' + TARGET + '/1', 'port 65536'],
    ['iscsi://fe80::1/' + TARGET + '/1', 'brackets'],
    ['iscsi://h/tokyo/1', 'no iSCSI name'],
    ['iscsi://h/iqn.' + 'x'.repeat(220) + '/1', 'no iSCSI name'],
    ['iscsi://h/' + TARGET + '\x1b[31m/1', 'no iSCSI name'],
    ['iscsi://h/' + TARGET + '/', 'LUN ""'],
    ['iscsi://h/' + TARGET + '/-1', 'LUN "-1"'],
    ['iscsi://h/' + TARGET + '/1x', 'LUN "1x"'],
    ['iscsi://h/' + TARGET + '/16384', '0 to 16383'],
    ['iscsi://h/' + TARGET + '/1?lun_reset', 'unknown option "lun_reset"'],
    ['iscsi://h/' + TARGET + '/1?data_digest=md5', '"none" or "crc32c"'],
  ])('refuses %j', (path, why) => {
    const error = refusal(() => parseLunPath(path));
    expect(error.kind).toBe('bad-argument');
    expect(error.message).toContain(why);
    expect(error.message).toContain(path);
    expect(error.path).toBe(path);
  });

  it.each([
    ['iscsi://hana%verysecret12@h/' + TARGET + '/1'],
    ['iscsi://hana:verysecret12@h/' + TARGET + '/1'],
    ['iscsi://h/' + TARGET + '/1?target_user=x&target_password=verysecret12'],
  ])('refuses a secret in %s and does not repeat it', (path) => {
    const error = refusal(() => parseLunPath(path));
    expect(error.kind).toBe('bad-argument');
    expect(`${error.message} ${error.path}`).not.toContain('verysecret12');
    expect(error.message).toContain('secret comes from');
  });
});

describe('portals', () => {
  it('are written with or without the scheme', () => {
    expect(parsePortal('iscsi://array:1')).toEqual({ host: 'array', port: 1 });
    expect(parsePortal('[::1]')).toEqual({ host: '::1', port: 3260 });
    expect(formatPortal(parsePortal('[::1]'))).toBe('[::1]:3260');
    expect(refusal(() => parsePortal('array/x')).message).toContain('host[:port]');
  });

  it('may name the user of a discovery session', () => {
    const portal = { host: 'array', port: 3260 };
    expect(parsePortalPath('hana@array')).toEqual({ portal, user: 'hana' });
    expect(parsePortalPath('iscsi://hana@array:3260/')).toEqual({ portal, user: 'hana' });
    expect(parsePortalPath('array')).toEqual({ portal, user: undefined });
    expect(parsePortalPath('hana@[::1]:99')).toEqual({ portal: { host: '::1', port: 99 }, user: 'hana' });
    expect(refusal(() => parsePortalPath('@array')).message).toContain('user before @ is empty');
    expect(refusal(() => parsePortal('hana@array')).message).toContain('without a user');
  });

  it.each([['hana:verysecret12@array'], ['iscsi://hana%verysecret12@array']])(
    'refuse a secret in %s and do not repeat it',
    (text) => {
      const error = refusal(() => parsePortalPath(text));
      expect(`${error.message} ${error.path}`).not.toContain('verysecret12');
      expect(error.message).toContain('secret comes from');
    },
  );
});
