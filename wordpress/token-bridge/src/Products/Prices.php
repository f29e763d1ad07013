<?php
/**
 * The bridge's price list.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Products;

use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;

defined( 'ABSPATH' ) || exit;

/**
 * What one unit of each operation costs, kept for ten minutes, to tell how far an amount of tokens goes.
 */
final class Prices {

	private const TRANSIENT = 'token_bridge_prices';
	private const SECONDS   = 10 * MINUTE_IN_SECONDS;

	/** Operations named in a sentence. */
	private const MAX_NAMED = 3;

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	/**
	 * Returns the tokens of one unit by operation, dearest first.
	 *
	 * @return array<string, int>
	 */
	public function all(): array {
		$kept = get_transient( self::TRANSIENT );
		if ( is_array( $kept ) ) {
			return $kept;
		}
		$answer = $this->transport->send( Request::get( '/v1/operations' ) );
		$prices = $answer->is_ok() ? $this->read( (array) ( $answer->document()['items'] ?? [] ) ) : [];
		set_transient( self::TRANSIENT, $prices, $answer->is_ok() ? self::SECONDS : MINUTE_IN_SECONDS );
		return $prices;
	}

	/**
	 * Returns how far an amount goes, such as "about 500 × image.generation"; empty without prices.
	 */
	public function sentence( int $tokens ): string {
		$parts = [];
		foreach ( array_slice( $this->all(), 0, self::MAX_NAMED ) as $operation => $price ) {
			/* translators: 1: number, 2: name of an operation, such as image.generation */
			$parts[] = sprintf( __( 'about %1$s × %2$s', 'token-bridge' ), number_format_i18n( intdiv( $tokens, $price ) ), $operation );
		}
		return implode( ' · ', $parts );
	}

	/**
	 * @param array<int, mixed> $items The items of the bridge's list.
	 * @return array<string, int>
	 */
	private function read( array $items ): array {
		$prices = [];
		foreach ( $items as $item ) {
			if ( (int) ( $item['tokens_per_unit'] ?? 0 ) > 0 ) {
				$prices[ (string) ( $item['key'] ?? $item['operation'] ?? '' ) ] = (int) $item['tokens_per_unit'];
			}
		}
		unset( $prices[''] );
		arsort( $prices );
		return $prices;
	}
}
