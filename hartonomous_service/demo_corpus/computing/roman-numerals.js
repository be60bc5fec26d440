// Writes whole numbers from 1 to 3999 as Roman numerals, and reads them back.

const VALUES = [
  ["M", 1000], ["CM", 900], ["D", 500], ["CD", 400],
  ["C", 100], ["XC", 90], ["L", 50], ["XL", 40],
  ["X", 10], ["IX", 9], ["V", 5], ["IV", 4], ["I", 1],
];

/** Return a number as a Roman numeral: 1994 is MCMXCIV. */
export function toRoman(number) {
  if (!Number.isInteger(number) || number < 1 || number > 3999) {
    throw new RangeError(`${number} has no Roman numeral`);
  }
  let numeral = "";
  for (const [letters, value] of VALUES) {
    // The greatest value that fits comes first; a smaller one before a greater one stands for a subtraction.
    while (number >= value) {
      numeral += letters;
      number -= value;
    }
  }
  return numeral;
}

/** Return the number of a Roman numeral that toRoman writes. */
export function fromRoman(numeral) {
  let number = 0;
  let rest = numeral;
  for (const [letters, value] of VALUES) {
    while (rest.startsWith(letters)) {
      number += value;
      rest = rest.slice(letters.length);
    }
  }
  if (rest !== "" || toRoman(number) !== numeral) {
    throw new RangeError(`${numeral} is no Roman numeral`);
  }
  return number;
}
