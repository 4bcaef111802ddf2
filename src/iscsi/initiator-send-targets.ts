import { decoded, violated, type Decoded } from '../base/violation.ts';
import type { TargetRecord } from './initiator.ts';
import { createTextCollector } from './text.ts';

/** Responses that one answer may take, and their bytes together: they bound what a target can make this side keep. */
const MAX_RESPONSES = 1024;
const MAX_BYTES = 4 * 1024 * 1024;

/** Puts the answer to SendTargets together (RFC 7143 appendix C): TargetName, then its TargetAddress lines. */
export interface TargetList {
  /** The list once the last response is there; undefined while more is to come. */
  append(data: Uint8Array, final: boolean, continues: boolean): Decoded<TargetRecord[] | undefined>;
}

export function createTargetList(): TargetList {
  const targets: { name: string; addresses: string[] }[] = [];
  const collector = createTextCollector();
  let responses = 0;
  let byteLength = 0;
  return {
    append(data, final, continues) {
      responses += 1;
      if (responses > MAX_RESPONSES)
        return violated('SendTargets', `${responses} responses`, `at most ${MAX_RESPONSES}`);
      byteLength += data.length;
      if (byteLength > MAX_BYTES) return violated('SendTargets', `${byteLength} bytes`, `at most ${MAX_BYTES}`);
      const pairs = collector.append(data, continues);
      if (!pairs.ok) return pairs;
      for (const [key, value] of pairs.value ?? []) {
        if (key === 'TargetName') targets.push({ name: value, addresses: [] });
        else if (key === 'TargetAddress') {
          const target = targets.at(-1);
          if (!target) return violated('TargetAddress', value, 'a TargetName before it');
          target.addresses.push(value);
        }
      }
      return decoded(final && !continues ? targets : undefined);
    },
  };
}
