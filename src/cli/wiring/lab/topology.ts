import type { ArrayDescription } from '../../../array/description.ts';

/** The default lab: two arrays, each with a command device of its own and one of the other as a virtual volume. */

export interface Site {
  readonly name: string;
  readonly serial: string;
  readonly port: number;
}

export interface LabSizes {
  readonly volumeBytes: number;
  readonly journalBytes: number;
  readonly blockSize: 512 | 4096;
}

export const LAB_HOST = '127.0.0.1';
export const LAB_SITES = [
  { name: 'tokyo', serial: 'TK000001' },
  { name: 'osaka', serial: 'OS000001' },
] as const;

/** Of every journal volume, whatever the blocks of the volumes are. */
const JOURNAL_BLOCK_SIZE = 512;
/** Label and 64 slots of 16 KiB need 1,064,960 bytes; rounded up. */
const COMMAND_DEVICE_BYTES = 2 * 1024 * 1024;

const LUNS = { ownCommandDevice: 0, otherCommandDevice: 1, data: 10, log: 11, journal: 20, otherData: 30 } as const;

export function targetNameOf(name: string): string {
  return `iqn.2026-11.io.cdctl:${name}`;
}

export function portalOf(site: Site): string {
  return `iscsi://${LAB_HOST}:${site.port}/${targetNameOf(site.name)}`;
}

export function describeArray(site: Site, other: Site, sizes: LabSizes): ArrayDescription {
  const volume = (lun: number, name: string, kind: 'volume' | 'journal' | 'command-device', bytes: number) => {
    const blockSize = kind === 'journal' ? JOURNAL_BLOCK_SIZE : sizes.blockSize;
    return { lun, name, kind, blockSize, blockCount: Math.ceil(bytes / blockSize) } as const;
  };
  const mapped = (lun: number, name: string, targetLun: number) => ({
    lun,
    name,
    targetSerial: other.serial,
    targetLun,
  });
  return {
    format: 1,
    serial: site.serial,
    name: site.name,
    targetName: targetNameOf(site.name),
    listen: { host: LAB_HOST, port: site.port },
    volumes: [
      volume(LUNS.ownCommandDevice, 'command', 'command-device', COMMAND_DEVICE_BYTES),
      volume(LUNS.data, 'data', 'volume', sizes.volumeBytes),
      volume(LUNS.log, 'log', 'volume', sizes.volumeBytes),
      volume(LUNS.journal, 'journal', 'journal', sizes.journalBytes),
    ],
    remotes: [{ serial: other.serial, name: other.name, portals: [portalOf(other)] }],
    lunMap: [
      mapped(LUNS.otherCommandDevice, `${other.name}-command`, LUNS.ownCommandDevice),
      mapped(LUNS.otherData, `${other.name}-data`, LUNS.data),
    ],
    commandDevices: [
      { deviceSerial: site.serial, deviceName: site.name, lun: LUNS.ownCommandDevice },
      { deviceSerial: other.serial, deviceName: other.name, lun: LUNS.otherCommandDevice },
    ],
  };
}

/** The configuration of a host that is attached to `site` only and reaches `other` through it. */
export function siteConfiguration(site: Site, other: Site, installation: string): string {
  const [first, second] = LAB_SITES.map(({ name }) => name);
  return `# A host at ${site.name}: attached to ${site.name} only, it commands ${other.name} through a virtual command device.
version: 1
# Other labs of this machine have arrays of the same serials.
installation: ${installation}
arrays:
  ${site.name}:
    serial: ${site.serial}
    portal: ${portalOf(site)}
    command-devices:
      - ${portalOf(site)}/${LUNS.ownCommandDevice}
  ${other.name}:
    serial: ${other.serial}
    command-devices:
      - ${portalOf(site)}/${LUNS.otherCommandDevice}
groups:
  oradb:
    journals: { ${first}: ${LUNS.journal}, ${second}: ${LUNS.journal} }
    pairs:
      data: { ${first}: ${LUNS.data}, ${second}: ${LUNS.data} }
      log: { ${first}: ${LUNS.log}, ${second}: ${LUNS.log} }
`;
}
