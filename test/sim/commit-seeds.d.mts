export function firstSeedOf(commit?: string): number;
export function namingCommit(): string;
