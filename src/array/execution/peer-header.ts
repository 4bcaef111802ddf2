import type { ArrayCore } from '../core.ts';
import { checkHeader, PEER_TIMEOUT_MS } from '../group/follower.ts';
import { HEADER_BLOCKS } from '../journal/geometry.ts';
import type { JournalHeader } from '../journal/header.ts';

/** The header of the other array's journal, proved to belong to the group. Rejects with `LunError` or `PeerError`. */
export async function readPeerHeader(
  core: ArrayCore,
  group: { readonly name: string; readonly peerSerial: string; readonly peerJournalLun: number },
): Promise<JournalHeader> {
  try {
    const lun = await core.remote.open(group.peerSerial, group.peerJournalLun);
    const bytes = await lun.read(0, HEADER_BLOCKS, { timeoutMs: PEER_TIMEOUT_MS });
    return checkHeader(bytes, core.serial, group);
  } catch (error) {
    core.remote.forget(group.peerSerial, group.peerJournalLun);
    throw error;
  }
}
