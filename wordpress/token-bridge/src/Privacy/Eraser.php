<?php
/**
 * Erases personal data.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Privacy;

use TokenBridge\Bridge\Request;
use TokenBridge\Connection\Sentences;
use TokenBridge\Feature;
use TokenBridge\Services;
use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Erases a person at the bridge when WordPress erases their personal data. The books stay, without a name.
 */
final class Eraser implements Feature {

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		add_filter( 'wp_privacy_personal_data_erasers', [ $this, 'add' ] );
		add_action( 'admin_init', [ $this, 'suggest_policy' ] );
	}

	/**
	 * @param array<string, array<string, mixed>> $erasers The erasers.
	 * @return array<string, array<string, mixed>>
	 */
	public function add( $erasers ) {
		$erasers['token-bridge'] = [
			'eraser_friendly_name' => 'Token Bridge',
			'callback'             => [ $this, 'erase' ],
		];
		return $erasers;
	}

	/**
	 * Erases the user with this email.
	 *
	 * @return array<string, mixed>|WP_Error
	 */
	public function erase( string $email ) {
		$user = get_user_by( 'email', $email );
		if ( ! $user || ! $this->services->connection()->is_store() ) {
			return $this->result( false );
		}
		$answer = $this->services->transport()->send( Request::delete( '/v1/users/' . $user->ID )->patient() );
		if ( 404 === $answer->status() ) {
			return $this->result( false );
		}
		if ( ! $answer->is_ok() ) {
			return new WP_Error( 'token_bridge_' . $answer->code(), Sentences::about( $answer ) );
		}
		$this->services->fragment_cache()->delete( (string) $user->ID );
		return $this->result( true );
	}

	/**
	 * Suggests a paragraph for the site's privacy policy.
	 */
	public function suggest_policy(): void {
		wp_add_privacy_policy_content(
			'Token Bridge',
			'<p>' . esc_html__( 'To sell and count tokens, we send your user ID, email, name and roles, your orders of tokens and your use of AI features to our token service. Visitors who use AI features without an account get a cookie with a random number, for one year.', 'token-bridge' ) . '</p>'
		);
	}

	/**
	 * @return array<string, mixed>
	 */
	private function result( bool $is_removed ): array {
		$messages = $is_removed ? [ __( 'Token Bridge erased name, email and contacts. Amounts and dates of the books stay, without a name.', 'token-bridge' ) ] : [];
		return [
			'items_removed'  => $is_removed,
			'items_retained' => $is_removed,
			'messages'       => $messages,
			'done'           => true,
		];
	}
}
