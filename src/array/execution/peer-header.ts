import type { ArrayCore } from '../core.ts';
import { checkHeader, PEER_TIMEOUT_MS } from '../group/follower.ts';
import { HEADER_BLOCKS } from '../journal/geometry.ts';
import { olderCopyOf, olderCopyWords } from '../group/lives.ts';
import type { JournalHeader } from '../journal/header.ts';
import { CommandRefusal } from '../refusal.ts';
import type { MayName } from './handler-types.ts';
import type { GroupState } from '../store/array-state.ts';

/** The header of the other array's journal, proved to belong to the group. Rejects with `LunError` or `PeerError`. */
export async function readPeerHeader(
  core: ArrayCore,
  group: { readonly name: string; readonly peerSerial: string; readonly peerJournalLun: number },
  { timeoutMs = PEER_TIMEOUT_MS, mayName }: { readonly timeoutMs?: number; readonly mayName?: MayName } = {},
): Promise<JournalHeader> {
  try {
    const lun = await core.remote.open(group.peerSerial, group.peerJournalLun);
    const bytes = await lun.read(0, HEADER_BLOCKS, { timeoutMs });
    return checkHeader(bytes, core.serial, group, mayName);
  } catch (error) {
    core.remote.forget(group.peerSerial, group.peerJournalLun);
    throw error;
  }
}

export function refuseOlderCopy(group: GroupState, header: JournalHeader): void {
  const which = olderCopyOf(group, header);
  if (which) throw new CommandRefusal('unsafe', olderCopyWords(group, which));
}
