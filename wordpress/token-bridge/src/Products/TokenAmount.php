<?php
/**
 * Reads amounts of tokens.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Products;

defined( 'ABSPATH' ) || exit;

/**
 * A whole, positive number of tokens as people type it: "5000", "5,000", "5 000".
 */
final class TokenAmount {

	/** The largest amount of the bridge: 2^53 - 1. */
	public const MAX = 9007199254740991;

	/**
	 * Returns the amount; null if the text is no clear whole number above 0.
	 *
	 * "1,5" and "1.5" are refused, because their author may mean a fraction.
	 *
	 * @param mixed $typed A text or number.
	 */
	public static function read( $typed ): ?int {
		if ( ! is_scalar( $typed ) ) {
			return null;
		}
		$text   = trim( (string) $typed );
		$digits = (string) preg_replace( '/(?<=\d)(?:[,.\'’_]|\s|\x{00A0}|\x{202F})(?=\d{3}(?!\d))/u', '', $text );
		if ( ! preg_match( '/^\d{1,16}$/', $digits ) ) {
			return null;
		}
		$amount = (int) $digits;
		return $amount > 0 && $amount <= self::MAX ? $amount : null;
	}
}
