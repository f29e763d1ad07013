<?php
/**
 * The API for front-end code.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Metering;

use TokenBridge\Events\EventReceiver;
use TokenBridge\Feature;
use TokenBridge\Services;
use WP_REST_Request;

defined( 'ABSPATH' ) || exit;

/**
 * Quotes and spends for scripts of this site, for the person who sends the request and for no other.
 *
 * Holds are left out: a person who could release their own holds could use a feature without paying for it.
 */
final class Proxy implements Feature {

	/** Fields of a request that are passed on. */
	private const FIELDS = [ 'operation', 'quantity', 'module', 'tokens', 'source', 'reference' ];

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		add_action( 'rest_api_init', [ $this, 'add_routes' ] );
	}

	public function add_routes(): void {
		foreach ( [ 'quote', 'spend' ] as $name ) {
			register_rest_route(
				EventReceiver::SPACE,
				'/' . $name,
				[
					'methods'             => 'POST',
					'callback'            => [ $this, $name ],
					'permission_callback' => [ $this, 'may_spend' ],
				]
			);
		}
	}

	/**
	 * Returns whether the request comes from a page of this site, and its sender can be charged.
	 */
	public function may_spend( WP_REST_Request $request ): bool {
		if ( ! wp_verify_nonce( (string) $request->get_header( 'x-wp-nonce' ), 'wp_rest' ) ) {
			return false;
		}
		return is_user_logged_in() || (bool) apply_filters( 'token_bridge_guests_may_spend', false );
	}

	/**
	 * @return array<string, mixed>|\WP_Error
	 */
	public function quote( WP_REST_Request $request ) {
		$items = (array) $request->get_json_params();
		$items = array_map( [ $this, 'fields' ], (array) ( $items['items'] ?? [ $items ] ) );
		return $this->answer( $this->services->meter()->quote( $items, [] ) );
	}

	/**
	 * @return array<string, mixed>|\WP_Error
	 */
	public function spend( WP_REST_Request $request ) {
		$key     = sanitize_text_field( (string) $request->get_header( 'idempotency-key' ) );
		$options = '' === $key ? [] : [ 'key' => get_current_user_id() . ':' . $key ];
		return $this->answer( $this->services->meter()->spend( $this->fields( $request->get_json_params() ), $options ) );
	}

	/**
	 * @param mixed $body What was sent.
	 * @return array<string, mixed>
	 */
	private function fields( $body ): array {
		return array_intersect_key( (array) $body, array_flip( self::FIELDS ) );
	}

	/**
	 * @return array<string, mixed>|\WP_Error
	 */
	private function answer( Outcome $outcome ) {
		return $outcome->is_ok() ? $outcome->document() : $outcome->to_error();
	}
}
