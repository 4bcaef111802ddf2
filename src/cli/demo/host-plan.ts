import type { Region } from './stamp.ts';

/** What a host process of the demonstration is told, as JSON in a file. */
export interface HostPlan {
  readonly run: string;
  readonly site: string;
  /** Number of its first write. */
  readonly firstSequence: number;
  readonly regions: readonly Region[];
  /** `iscsi://` path of the volume of each region. */
  readonly paths: readonly string[];
  /** Writes in flight together, and the pause before the next ones. */
  readonly depth: number;
  readonly pauseMs: number;
}
