<?php
/**
 * What prompts cost.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Tokens of the store for tokens of a model: per 1,000 input and output, or for each image, sound or video.
 */
final class Rates {

	public const TEXT = 'text_generation';

	/** A text model without a rate of its own costs one token for each of its tokens. */
	private const USUAL = [ 1000, 1000 ];

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/**
	 * Returns the cost of text.
	 */
	public function text( string $model, int $input, int $output ): int {
		list( $for_input, $for_output ) = $this->pair( $model );
		return (int) ceil( ( $input * $for_input + $output * $for_output ) / 1000 );
	}

	/**
	 * Returns how many output tokens an amount pays for after the input; 0 if none.
	 */
	public function output_for( string $model, int $tokens, int $input ): int {
		list( $for_input, $for_output ) = $this->pair( $model );
		return (int) max( 0, floor( ( $tokens * 1000 - $input * $for_input ) / max( 1, $for_output ) ) );
	}

	/**
	 * Returns the cost of each image, sound or video.
	 */
	public function item( string $model, string $capability ): int {
		$rates = $this->settings->map( 'ai_prices' );
		return (int) ( $rates[ $model ] ?? $rates[ $capability ] ?? $this->settings->number( 'ai_image_tokens' ) );
	}

	/**
	 * @return int[] Tokens per 1,000 input and per 1,000 output.
	 */
	private function pair( string $model ): array {
		$rates = $this->settings->map( 'ai_prices' );
		$rate  = $rates[ $model ] ?? $rates[ self::TEXT ] ?? '';
		if ( ! preg_match( '~^\s*(\d+)\s*/\s*(\d+)\s*$~', $rate, $parts ) ) {
			return self::USUAL;
		}
		return [ (int) $parts[1], (int) $parts[2] ];
	}
}
