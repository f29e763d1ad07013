<?php
/**
 * The attributes of shortcode and block.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

defined( 'ABSPATH' ) || exit;

/**
 * Turns attributes into the parameters of the bridge's widget. Unknown ones are ignored.
 */
final class Attributes {

	/** The modules that have a switch of their own, as in the AI Power plugin's shortcode. */
	private const SWITCHES = [
		'chatbot'        => 'chat',
		'aiforms'        => 'ai_forms',
		'imagegenerator' => 'image_generator',
	];

	/** Attributes that are texts, sent as they are. */
	private const TEXTS = [ 'view', 'title', 'intro', 'theme', 'accent', 'buycreditslabel', 'buycreditsurl' ];

	/** Attributes that are yes or no, sent as `true` or `false`. */
	private const FLAGS = [ 'purchasehistory', 'buycredits' ];

	/** The longest text that is sent. */
	private const MAX_LENGTH = 300;

	/** @var array<string, string> */
	private $values;

	/**
	 * @param array<string, mixed>|string $given The attributes of a shortcode or block.
	 */
	public function __construct( $given ) {
		$defaults     = array_fill_keys( self::names(), '' );
		$values       = shortcode_atts( $defaults, array_map( [ self::class, 'to_text' ], (array) $given ) );
		$this->values = array_map( 'trim', array_map( 'wp_strip_all_tags', $values ) );
	}

	/**
	 * Returns the names of all attributes.
	 *
	 * @return string[]
	 */
	public static function names(): array {
		return array_merge( array_keys( self::SWITCHES ), [ 'modules' ], self::TEXTS, self::FLAGS );
	}

	/**
	 * Returns the parameters for the bridge; attributes without a value are left out.
	 *
	 * @return array<string, string>
	 */
	public function parameters(): array {
		$found = [ 'modules' => $this->modules() ];
		foreach ( self::TEXTS as $name ) {
			$found[ $name ] = mb_substr( $this->values[ $name ], 0, self::MAX_LENGTH );
		}
		foreach ( self::FLAGS as $name ) {
			$found[ $name ] = self::is_off( $this->values[ $name ] ) ? 'false' : '';
		}
		return array_filter( $found, 'strlen' );
	}

	/**
	 * Returns the keys of the modules to show; an empty text for the store's default.
	 */
	private function modules(): string {
		if ( '' !== $this->values['modules'] ) {
			$keys = array_map( 'trim', explode( ',', mb_substr( $this->values['modules'], 0, self::MAX_LENGTH ) ) );
			return implode( ',', array_filter( $keys, 'strlen' ) );
		}
		$off = array_filter( array_intersect_key( $this->values, self::SWITCHES ), [ self::class, 'is_off' ] );
		return $off ? implode( ',', array_diff_key( self::SWITCHES, $off ) ) : '';
	}

	private static function is_off( string $value ): bool {
		return in_array( strtolower( $value ), [ 'false', '0', 'no', 'off' ], true );
	}

	/**
	 * @param mixed $value The value of an attribute; blocks have booleans.
	 */
	private static function to_text( $value ): string {
		if ( is_bool( $value ) ) {
			return $value ? 'true' : 'false';
		}
		return is_scalar( $value ) ? (string) $value : '';
	}
}
