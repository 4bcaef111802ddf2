import { CliError } from './cli-error.ts';
import type { ArrayDescription, LunMapEntry, RemoteDescription, VolumeDescription } from './services.ts';
import { parseListen } from './edit-array.ts';
import { parseLun, parseSize } from './values.ts';

/** The options of `array init` as they came. */
export interface InitOptions {
  readonly name?: string;
  readonly serial?: string;
  readonly targetName?: string;
  readonly listen: string;
  readonly volume?: readonly string[];
  readonly journal?: readonly string[];
  readonly commandDevice?: readonly string[];
  readonly remote?: readonly string[];
  readonly map?: readonly string[];
  readonly blockSize: string;
}

/** The only one that journal volumes have. */
const JOURNAL_BLOCK_SIZE = 512;
/** Label and slots need 1,064,960 bytes. */
const COMMAND_DEVICE_BYTES = 2 * 2 ** 20;

/** Puts a description together from options; what it means is checked with the file that is written. */
export function describeArray(options: InitOptions): ArrayDescription {
  const name = needed('--name', options.name);
  const serial = needed('--serial', options.serial);
  const blockSize = options.blockSize === '4096' ? 4096 : 512;
  const own = (options.commandDevice ?? []).map((text) => lunOf('--command-device', text));
  return {
    format: 1,
    serial,
    name,
    targetName: options.targetName ?? `iqn.2026-11.io.cdctl:${name.toLowerCase().replaceAll('_', '-')}`,
    listen: parseListen(options.listen),
    volumes: [
      ...own.map((lun) => volume(lun, `command-${lun}`, 'command-device', COMMAND_DEVICE_BYTES, blockSize)),
      ...(options.volume ?? []).map((text) => parseVolume('--volume', text, 'volume', blockSize)),
      ...(options.journal ?? []).map((text) => parseVolume('--journal', text, 'journal', JOURNAL_BLOCK_SIZE)),
    ],
    remotes: (options.remote ?? []).map(parseRemote),
    lunMap: (options.map ?? []).map(parseMap),
    commandDevices: own.map((lun) => ({ deviceSerial: serial, deviceName: name, lun })),
  };
}

function volume(
  lun: number,
  name: string,
  kind: VolumeDescription['kind'],
  bytes: number,
  blockSize: 512 | 4096,
): VolumeDescription {
  return { lun, name, kind, blockSize, blockCount: bytes / blockSize };
}

function parseVolume(
  option: string,
  text: string,
  kind: VolumeDescription['kind'],
  blockSize: 512 | 4096,
): VolumeDescription {
  const [lun = '', name = '', size = '', ...more] = text.split(':');
  const bytes = parseSize(size);
  if (name === '' || bytes === undefined || bytes === 0 || bytes % blockSize !== 0 || more.length > 0) {
    throw wrong(
      option,
      text,
      `LUN:NAME:SIZE, the size in whole blocks of ${blockSize} bytes`,
      `${option} 10:data:1GiB`,
    );
  }
  return volume(lunOf(option, lun), name, kind, bytes, blockSize);
}

function parseRemote(text: string): RemoteDescription {
  const [serial = '', name = '', ...url] = text.split('=');
  const portal = url.join('=');
  if (serial === '' || name === '' || portal === '') {
    throw wrong(
      '--remote',
      text,
      'SERIAL=NAME=URL',
      '--remote OS000001=osaka=iscsi://host:3260/iqn.2026-11.io.cdctl:osaka',
    );
  }
  return { serial, name, portals: [portal] };
}

function parseMap(text: string): LunMapEntry {
  const [lun = '', name = '', targetSerial = '', targetLun = '', ...more] = text.split(':');
  if (name === '' || targetSerial === '' || more.length > 0) {
    throw wrong('--map', text, 'LUN:NAME:SERIAL:LUN', '--map 30:far-data:OS000001:10');
  }
  return { lun: lunOf('--map', lun), name, targetSerial, targetLun: lunOf('--map', targetLun) };
}

function lunOf(option: string, text: string): number {
  const lun = parseLun(text);
  if (lun !== undefined) return lun;
  throw wrong(option, text, 'a LUN from 0 to 16383', `${option} 0`);
}

function needed(option: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new CliError('usage', {
    what: `${option} is missing`,
    why: 'a new array needs a name and a serial of its own',
    next: 'see cdctl array init --help, or give --from FILE',
  });
}

function wrong(option: string, text: string, form: string, example: string): CliError {
  return new CliError('usage', {
    what: `${option} ${text} cannot be read`,
    why: `it must be ${form}`,
    next: `give ${example}`,
  });
}
