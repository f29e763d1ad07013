<?php
/**
 * Every handler checks nonce and capability; every REST route has a permission callback.
 */

final class Handlers {

	/** The one class that registers handlers of forms, for all. */
	private const BASE = 'src/Admin/PostHandler.php';

	private const NONCES = array( 'check_admin_referer', 'check_ajax_referer', 'wp_verify_nonce' );

	/** @var Source */
	private $source;

	public function __construct( Source $source ) {
		$this->source = $source;
	}

	/**
	 * Returns a sentence for each handler that lets anybody in.
	 *
	 * @return string[]
	 */
	public function faults(): array {
		return array_merge( $this->registrations(), $this->readers(), $this->routes() );
	}

	/**
	 * @return string[]
	 */
	private function registrations(): array {
		$faults  = array();
		$is_base = substr( $this->source->path, -strlen( self::BASE ) ) === self::BASE;
		foreach ( $this->source->tokens as $at => $token ) {
			if ( T_CONSTANT_ENCAPSED_STRING === $token->id && preg_match( '~^["\'](admin_post_|wp_ajax_|admin_action_)~', $token->text ) && ! $is_base ) {
				$faults[] = $this->source->fault( $at, 'registers a handler: extend PostHandler, which checks nonce and capability' );
			}
		}
		return $is_base ? array_merge( $faults, $this->base() ) : $faults;
	}

	/**
	 * @return string[]
	 */
	private function base(): array {
		foreach ( $this->source->functions() as $function ) {
			if ( 'receive' !== $function['name'] ) {
				continue;
			}
			$order = array();
			for ( $at = $function['from']; $at <= $function['to']; $at++ ) {
				if ( in_array( $this->source->tokens[ $at ]->text, array( 'check_admin_referer', 'current_user_can', 'handle' ), true ) ) {
					$order[] = $this->source->tokens[ $at ]->text;
				}
			}
			return array( 'check_admin_referer', 'current_user_can', 'handle' ) === $order ? array() : array( $this->source->fault( $function['from'], 'must check the nonce, then the capability, then handle' ) );
		}
		return array( $this->source->path . ':1 has no function receive' );
	}

	/**
	 * @return string[]
	 */
	private function readers(): array {
		$faults = array();
		foreach ( $this->source->functions() as $function ) {
			$reads = false;
			foreach ( array( '$_POST', '$_REQUEST', '$_FILES' ) as $name ) {
				$reads = $reads || $this->source->has( $function['from'], $function['to'], $name );
			}
			if ( $reads && 'posted' !== $function['name'] && ! $this->is_guarded( $function ) ) {
				$faults[] = $this->source->fault( $function['from'], "{$function['name']} reads a form without a check of nonce and capability" );
			}
		}
		return $faults;
	}

	private function is_guarded( array $function ): bool {
		$has_nonce = false;
		foreach ( self::NONCES as $name ) {
			$has_nonce = $has_nonce || $this->source->has( $function['from'], $function['to'], $name );
		}
		return $has_nonce && $this->source->has( $function['from'], $function['to'], 'current_user_can' );
	}

	/**
	 * @return string[]
	 */
	private function routes(): array {
		$faults = array();
		foreach ( $this->source->tokens as $at => $token ) {
			if ( T_STRING !== $token->id || 'register_rest_route' !== $token->text ) {
				continue;
			}
			$end   = $this->source->closing( $at + 1 );
			$texts = array_map(
				static function ( PhpToken $token ) {
					return trim( $token->text, '"\'' );
				},
				array_slice( $this->source->tokens, $at, $end - $at )
			);
			if ( ! in_array( 'permission_callback', $texts, true ) || in_array( '__return_true', $texts, true ) ) {
				$faults[] = $this->source->fault( $at, 'registers a REST route that anybody may call' );
			}
		}
		return $faults;
	}
}
