/** Something wrong in the storage of an array, in words for whoever runs it. */
export interface Finding {
  /** `doubt`: a power cut leaves this behind and the array copes; without one it is damage. */
  readonly severity: 'damage' | 'doubt';
  readonly file: string;
  /** Bytes from the start of the file; null: the file as a whole. */
  readonly offset: number | null;
  readonly what: string;
  /** What it means for the data. */
  readonly meaning: string;
  /** What to do. */
  readonly next: string;
}

export type Report = (finding: Finding) => void;

export const FROM_COPY =
  'restore the storage from a copy, or form the array anew and resync its pairs from the other side';
