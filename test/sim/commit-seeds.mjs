import { execFileSync } from 'node:child_process';

/**
 * The first of the seeds that belong to a commit: each plays seeds that nobody has played before, and plays them again whenever
 * it is asked. Without a repository it is 1.
 */
export function firstSeedOf(commit = namingCommit()) {
  return Number.parseInt(commit.slice(0, 8), 16);
}

/**
 * The commit before the one that is checked out, 40 hex digits: whoever makes a commit knows which seeds it will play, and what
 * they find is mended in it, not in one that would play others. Of a repository's first commit that one itself.
 */
export function namingCommit() {
  try {
    // As the commit says it: in a shallow clone `HEAD^` is not there.
    const text = execFileSync('git', ['cat-file', '-p', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return /^parent ([0-9a-f]{40})$/m.exec(text)?.[1] ?? headCommit();
  } catch {
    return '00000001';
  }
}

function headCommit() {
  return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
}
