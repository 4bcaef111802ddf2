import { execFileSync } from 'node:child_process';

/**
 * The first of the seeds that belong to a commit: each commit plays seeds that nobody has played before, and plays them again
 * whenever it is asked. Without a repository it is 1.
 */
export function firstSeedOf(commit = headCommit()) {
  return Number.parseInt(commit.slice(0, 8), 16);
}

/** The commit that is checked out, 40 hex digits; uncommitted changes play its seeds too. */
export function headCommit() {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '00000001';
  }
}
