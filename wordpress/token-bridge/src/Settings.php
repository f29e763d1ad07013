<?php
/**
 * The plugin's settings.
 *
 * @package TokenBridge
 */

namespace TokenBridge;

defined( 'ABSPATH' ) || exit;

/**
 * Settings in one option that WordPress loads with all others, with their defaults.
 */
final class Settings {

	public const NAME = 'token_bridge_settings';

	/** Each setting with its default; the default's type is the setting's type. */
	private const DEFAULTS = [
		'complete_token_orders' => false,
		'minimal_checkout'      => false,
		'retry_deliveries'      => true,
		'without_webhooks'      => false,
		'meter_ai_client'       => false,
		'ai_when_away'          => 'refuse',
		'ai_unknown_module'     => 'chat',
		'ai_modules'            => [],
		'ai_prices'             => [],
		'ai_payers'             => [],
		'ai_site_user'          => 0,
		'ai_image_tokens'       => 1000,
		'ai_default_output'     => 1000,
	];

	/**
	 * Returns all settings.
	 *
	 * @return array<string, mixed>
	 */
	public function all(): array {
		$stored = get_option( self::NAME, [] );
		return ( is_array( $stored ) ? array_intersect_key( $stored, self::DEFAULTS ) : [] ) + self::DEFAULTS;
	}

	public function is_on( string $name ): bool {
		return (bool) $this->all()[ $name ];
	}

	public function text( string $name ): string {
		return (string) $this->all()[ $name ];
	}

	public function number( string $name ): int {
		return (int) $this->all()[ $name ];
	}

	/**
	 * Returns the entries of a setting that is a map of texts.
	 *
	 * @return array<string, string>
	 */
	public function map( string $name ): array {
		return array_map( 'strval', array_filter( (array) $this->all()[ $name ], 'is_scalar' ) );
	}

	/**
	 * Stores changed settings; unknown names are dropped, and each value is brought to the type of its default.
	 *
	 * @param array<string, mixed> $changes New values by name.
	 */
	public function change( array $changes ): void {
		$clean = [];
		foreach ( array_intersect_key( $changes, self::DEFAULTS ) as $name => $value ) {
			$clean[ $name ] = self::clean( self::DEFAULTS[ $name ], $value );
		}
		update_option( self::NAME, $clean + $this->all(), true );
	}

	/**
	 * @param mixed $default The setting's default.
	 * @param mixed $value   The new value.
	 * @return mixed
	 */
	private static function clean( $default, $value ) {
		if ( is_bool( $default ) ) {
			return (bool) $value;
		}
		if ( is_int( $default ) ) {
			return max( 0, (int) $value );
		}
		if ( is_array( $default ) ) {
			return array_map( 'sanitize_text_field', array_filter( (array) $value, 'is_scalar' ) );
		}
		return is_scalar( $value ) ? sanitize_text_field( (string) $value ) : $default;
	}
}
