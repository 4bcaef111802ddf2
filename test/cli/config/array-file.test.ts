import { describe, expect, it } from 'vitest';
import { formatArrayFile, parseArrayFile } from '../../../src/cli/config/array-file.ts';
import { ConfigurationError } from '../../../src/cli/config/configuration-error.ts';
import { describeArray } from '../../../src/cli/describe-array.ts';

const FILE = `format: 1
serial: TK000001
name: tokyo
target-name: iqn.2026-11.io.cdctl:tokyo
listen: { host: 127.0.0.1, port: 3260 }
volumes:
  - { lun: 0, name: command, kind: command-device, block-size: 512, size: 2MiB }
  - { lun: 10, name: data, kind: volume, block-size: 4096, size: 1TiB }
  - { lun: 20, name: journal, kind: journal, block-size: 512, size: 1000448 }
remotes:
  - { serial: OS000001, name: osaka, portals: ['iscsi://127.0.0.1:3261/iqn.2026-11.io.cdctl:osaka'] }
lun-map:
  - { lun: 1, name: osaka-command, target-serial: OS000001, target-lun: 0 }
command-devices:
  - { device-serial: TK000001, device-name: tokyo, lun: 0 }
  - { device-serial: OS000001, device-name: osaka, lun: 1 }
`;

describe('array.yaml', () => {
  it('is read field by field', () => {
    expect(parseArrayFile(FILE, 'array.yaml')).toEqual({
      format: 1,
      serial: 'TK000001',
      name: 'tokyo',
      targetName: 'iqn.2026-11.io.cdctl:tokyo',
      listen: { host: '127.0.0.1', port: 3260 },
      volumes: [
        { lun: 0, name: 'command', kind: 'command-device', blockSize: 512, blockCount: 4096 },
        { lun: 10, name: 'data', kind: 'volume', blockSize: 4096, blockCount: 2 ** 28 },
        { lun: 20, name: 'journal', kind: 'journal', blockSize: 512, blockCount: 1954 },
      ],
      remotes: [{ serial: 'OS000001', name: 'osaka', portals: ['iscsi://127.0.0.1:3261/iqn.2026-11.io.cdctl:osaka'] }],
      lunMap: [{ lun: 1, name: 'osaka-command', targetSerial: 'OS000001', targetLun: 0 }],
      commandDevices: [
        { deviceSerial: 'TK000001', deviceName: 'tokyo', lun: 0 },
        { deviceSerial: 'OS000001', deviceName: 'osaka', lun: 1 },
      ],
    });
  });

  it('is written so that it reads back the same', () => {
    const description = parseArrayFile(FILE, 'array.yaml');
    expect(parseArrayFile(formatArrayFile(description), 'array.yaml')).toEqual(description);
  });

  it('may send initiators elsewhere, and writes that back', () => {
    const text = FILE.replace('port: 3260', "port: 3260, redirect-to: '[fe80::1]:3261'");
    const description = parseArrayFile(text, 'array.yaml');
    expect(description.listen).toEqual({ host: '127.0.0.1', port: 3260, redirectTo: '[fe80::1]:3261' });
    expect(parseArrayFile(formatArrayFile(description), 'array.yaml')).toEqual(description);
  });

  it('has volumes whose medium hosts may eject, and writes that back', () => {
    const text = FILE.replace('size: 1TiB', 'size: 1TiB, removable: true').replace(
      'size: 2MiB',
      'size: 2MiB, removable: false',
    );
    const description = parseArrayFile(text, 'array.yaml');
    expect(description.volumes.map(({ removable }) => removable)).toEqual([undefined, true, undefined]);
    expect(parseArrayFile(formatArrayFile(description), 'array.yaml')).toEqual(description);
  });

  it('has volumes with options, and writes them back', () => {
    const options = 'physical-block-size: 4096, read-only: true, sanitize-minimum: 6, encrypted: true';
    const description = parseArrayFile(FILE.replace('4096, size: 1TiB', `512, size: 1TiB, ${options}`), 'array.yaml');
    expect(description.volumes[1]).toMatchObject({
      physicalBlockSize: 4096,
      readOnly: true,
      sanitizeMinimum: 6,
      encrypted: true,
    });
    expect(parseArrayFile(formatArrayFile(description), 'array.yaml')).toEqual(description);
  });

  it.each(['/dev/disk/by-id/wwn-0x6d6a30b5', 'iscsi://me@192.0.2.1:3260/iqn.2026-11.example:disks/3'])(
    'has volumes on LUNs, and writes them back: %s',
    (backing) => {
      const text = FILE.replace('size: 1TiB', `size: 1TiB, backing: '${backing}'`);
      const description = parseArrayFile(text, 'array.yaml');
      expect(description.volumes[1]).toMatchObject({ name: 'data', backing });
      expect(parseArrayFile(formatArrayFile(description), 'array.yaml')).toEqual(description);
      const twice = text.replace(
        'volumes:',
        `volumes:\n  - { lun: 9, name: twin, kind: volume, block-size: 512, size: 1MiB, backing: '${backing}' }`,
      );
      expect(() => parseArrayFile(twice, 'array.yaml')).toThrow(/is the backing of two volumes/);
    },
  );

  it.each([
    ['a removable journal', 'size: 1000448', 'size: 1000448, removable: true', 9, /a journal cannot have removable/],
    ['a read-only command device', 'size: 2MiB', 'size: 2MiB, read-only: true', 7, /cannot have read-only/],
    ['a physical block', 'size: 1TiB', 'size: 1TiB, physical-block-size: 520', 8, /must be 4096/],
    ['a long rehearsal', 'size: 1TiB', 'size: 1TiB, sanitize-minimum: 3601', 8, /from 0 to 3600/],
    ['a removable of text', 'size: 1TiB', "size: 1TiB, removable: 'yes'", 8, /removable must be true or false/],
    ['a journal on a LUN', 'size: 1000448', 'size: 1000448, backing: /dev/sda', 9, /a journal cannot have backing/],
    ['a file as backing', 'size: 1TiB', 'size: 1TiB, backing: ./disk.img', 8, /backing must be \/dev\/\.\.\. or iscsi/],
    ['a secret', 'size: 1TiB', "size: 1TiB, backing: 'iscsi://me%secret@host/iqn/1'", 8, /without a secret/],
    ['an unknown key', 'remotes:', 'remote:', 10, /unknown key "remote" in the file/],
    [
      'an unknown key in a volume',
      'name: command,',
      'name: command, colour: red,',
      7,
      /unknown key "colour" in volumes\[0\]/,
    ],
    ['another format', 'format: 1', 'format: 2', 1, /format 2 is unknown to this version, which reads format 1$/m],
    ['a target name', 'iqn.2026-11.io.cdctl:tokyo\n', 'Tokyo\n', 4, /must be an iqn\. name/],
    ['a port', 'port: 3260', 'port: 65536', 5, /from 0 to 65535/],
    ['a redirect', 'port: 3260', 'port: 3260, redirect-to: there', 5, /redirect-to must be host:port/],
    ['a kind', 'kind: journal', 'kind: diary', 9, /must be one of volume, journal, command-device/],
    ['a block size', 'block-size: 4096', 'block-size: 1024', 8, /must be 512 or 4096/],
    ['half a block', 'size: 1000448', 'size: 1000449', 9, /whole number of blocks/],
    ['a size', 'size: 1TiB', 'size: big', 8, /size must be bytes/],
    ['a LUN twice', 'lun: 10', 'lun: 0', 1, /LUN 0 is given twice/],
    [
      'a map to an array that is not there',
      'target-serial: OS000001',
      'target-serial: KY000001',
      1,
      /not among the remotes/,
    ],
    [
      'a command device without LUN',
      'device-name: osaka, lun: 1',
      'device-name: osaka, lun: 2',
      1,
      /LUN 2, which does not exist/,
    ],
    ['a portal with LUN', "cdctl:osaka'", "cdctl:osaka/0'", 11, /without a LUN/],
  ] as const)('is refused for %s', (_, from, to, line, message) => {
    expect(FILE).toContain(from);
    let thrown: unknown;
    try {
      parseArrayFile(FILE.replace(from, to), 'array.yaml');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConfigurationError);
    expect((thrown as ConfigurationError).message).toMatch(message);
    expect((thrown as ConfigurationError).line).toBe(line);
  });
});

describe('the options of array init', () => {
  const listen = '127.0.0.1:0';

  it('make a description', () => {
    const description = describeArray({
      name: 'kyoto',
      serial: 'KY000001',
      listen: '[::1]:3262',
      blockSize: '4096',
      commandDevice: ['0'],
      volume: ['10:data:1GiB'],
      journal: ['20:journal:64MiB'],
      remote: ['OS000001=osaka=iscsi://h:1/iqn.2026-11.io.cdctl:osaka'],
      map: ['30:far:OS000001:10'],
    });
    expect(description).toEqual({
      format: 1,
      serial: 'KY000001',
      name: 'kyoto',
      targetName: 'iqn.2026-11.io.cdctl:kyoto',
      listen: { host: '::1', port: 3262 },
      volumes: [
        { lun: 0, name: 'command-0', kind: 'command-device', blockSize: 4096, blockCount: 512 },
        { lun: 10, name: 'data', kind: 'volume', blockSize: 4096, blockCount: 262_144 },
        { lun: 20, name: 'journal', kind: 'journal', blockSize: 512, blockCount: 131_072 },
      ],
      remotes: [{ serial: 'OS000001', name: 'osaka', portals: ['iscsi://h:1/iqn.2026-11.io.cdctl:osaka'] }],
      lunMap: [{ lun: 30, name: 'far', targetSerial: 'OS000001', targetLun: 10 }],
      commandDevices: [{ deviceSerial: 'KY000001', deviceName: 'kyoto', lun: 0 }],
    });
  });

  it.each([
    [{}, /--name is missing/],
    [{ name: 'a' }, /--serial is missing/],
    [{ name: 'a', serial: 'A', volume: ['10:data'] }, /must be LUN:NAME:SIZE/],
    [{ name: 'a', serial: 'A', volume: ['10:data:100'] }, /whole blocks/],
    [{ name: 'a', serial: 'A', volume: ['99999:data:1MiB'] }, /a LUN from 0 to 16383/],
    [{ name: 'a', serial: 'A', remote: ['OS000001'] }, /must be SERIAL=NAME=URL/],
    [{ name: 'a', serial: 'A', map: ['1:x'] }, /must be LUN:NAME:SERIAL:LUN/],
    [{ name: 'a', serial: 'A', listen: 'nowhere' }, /must be host:port/],
  ] as const)('%j are refused', (options, message) => {
    expect(() => describeArray({ listen, blockSize: '512', ...options })).toThrow(message);
  });
});
