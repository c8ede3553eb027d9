/**
 * Reference: which document of which event, in one integer below 2^53.
 *
 *     number of the event × 1,024 + place in it
 */

const PLACES = 1_024;

/** The reference of the document at `place` (0 to 999) of event `number`. */
export const referenceOf = (number: number, place: number): number => number * PLACES + place;

/** Event and place of a reference. */
export const placeOf = (reference: number): { number: number; place: number } => ({
  number: Math.floor(reference / PLACES),
  place: reference % PLACES,
});
