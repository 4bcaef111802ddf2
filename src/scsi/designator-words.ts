import { readU32, toHex } from '../base/bytes.ts';
import { readAscii } from './inquiry.ts';
import { DESIGNATOR_TYPE, type Designator } from './vpd.ts';

/** A designator of VPD page 83h as people read it (SPC-4 7.8.6). */
export interface NamedDesignator {
  readonly of: string;
  readonly type: string;
  readonly value: string;
}

const ASSOCIATION_WORDS: readonly string[] = ['logical unit', 'target port', 'target device', 'reserved'];

const TYPE_WORDS: Readonly<Record<number, string>> = {
  0: 'vendor specific',
  [DESIGNATOR_TYPE.t10Vendor]: 'T10 vendor',
  [DESIGNATOR_TYPE.eui64]: 'EUI-64',
  [DESIGNATOR_TYPE.naa]: 'NAA',
  [DESIGNATOR_TYPE.relativeTargetPort]: 'relative target port',
  [DESIGNATOR_TYPE.targetPortGroup]: 'target port group',
  6: 'logical unit group',
  7: 'MD5',
  [DESIGNATOR_TYPE.scsiName]: 'SCSI name',
};

/** Ports and groups are numbers; names that a device claims to be text are text; anything else is hex. */
export function nameDesignator({ association, type, codeSet, value }: Designator): NamedDesignator {
  const of = ASSOCIATION_WORDS[association]!;
  const words = TYPE_WORDS[type] ?? `type ${type}`;
  const counted: readonly number[] = [DESIGNATOR_TYPE.relativeTargetPort, DESIGNATOR_TYPE.targetPortGroup, 6];
  if (counted.includes(type) && value.length === 4) return { of, type: words, value: String(readU32(value, 0)) };
  if (type === DESIGNATOR_TYPE.scsiName || codeSet === 2) {
    return { of, type: words, value: readAscii(value, 0, value.length) };
  }
  return { of, type: words, value: toHex(value) };
}
