export function firstSeedOf(commit?: string): number;
export function headCommit(): string;
