<?php
/**
 * The usage widget.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

use TokenBridge\Connection\Connection;
use WP_User;

/**
 * Returns the HTML of the widget for the person who looks at the page.
 */
final class Widget {

	/** @var Connection */
	private $connection;

	/** @var FragmentSource */
	private $source;

	public function __construct( Connection $connection, FragmentSource $source ) {
		$this->connection = $connection;
		$this->source     = $source;
	}

	/**
	 * Returns the widget as a block of the page.
	 *
	 * @param array<string, mixed>|string $attributes The attributes of the shortcode or block.
	 */
	public function usage_html( $attributes ): string {
		Uncacheable::mark();
		if ( ! $this->connection->is_store() ) {
			return $this->without_store_html();
		}
		$user = wp_get_current_user();
		if ( ! $user->exists() ) {
			return $this->sign_in_line_html();
		}
		return $this->fragment_html( $user, ( new Attributes( $attributes ) )->parameters() );
	}

	/**
	 * Returns the balance inside a line; nothing for a visitor who is not signed in.
	 */
	public function balance_html(): string {
		Uncacheable::mark();
		$user = wp_get_current_user();
		if ( ! $this->connection->is_store() || ! $user->exists() ) {
			return '';
		}
		$found = $this->source->find( (string) $user->ID, $this->about( $user ) + [ 'view' => 'balance' ] );
		return $found ? trim( $found->html ) : '<span class="token-bridge-balance">–</span>';
	}

	/**
	 * @param array<string, string> $parameters The wanted parameters.
	 */
	private function fragment_html( WP_User $user, array $parameters ): string {
		$found = $this->source->find( (string) $user->ID, $this->about( $user ) + $parameters );
		if ( null === $found ) {
			return $this->line_html( __( 'Your tokens cannot be shown at the moment. Reload the page in a minute.', 'token-bridge' ) );
		}
		return $found->html . ( $found->is_old ? $this->age_html( $found->at ) : '' );
	}

	/**
	 * @return array<string, string>
	 */
	private function about( WP_User $user ): array {
		return array_filter(
			[
				'user_id' => (string) $user->ID,
				'roles'   => implode( ',', $user->roles ),
				'lang'    => str_replace( '_', '-', determine_locale() ),
			],
			'strlen'
		);
	}

	private function sign_in_line_html(): string {
		$here = is_singular() ? (string) get_permalink() : home_url( '/' );
		$link_html = '<a href="' . esc_url( wp_login_url( $here ) ) . '">' . esc_html__( 'Sign in', 'token-bridge' ) . '</a>';
		/* translators: %s: link "Sign in" */
		return '<p class="token-bridge-signed-out">' . sprintf( esc_html__( '%s to see your tokens.', 'token-bridge' ), $link_html ) . '</p>';
	}

	private function without_store_html(): string {
		if ( ! current_user_can( 'manage_options' ) ) {
			return '';
		}
		return $this->line_html( __( 'Only admins see this: the widget needs a site that is connected as a store. Open Token Bridge → Connect.', 'token-bridge' ) );
	}

	private function age_html( int $at ): string {
		/* translators: %s: time of day, or date and time */
		$sentence = __( 'As of %s. Newer numbers are not available at the moment.', 'token-bridge' );
		$format   = wp_date( 'Y-m-d', $at ) === wp_date( 'Y-m-d' ) ? get_option( 'time_format' ) : get_option( 'date_format' ) . ' ' . get_option( 'time_format' );
		return $this->line_html( sprintf( $sentence, (string) wp_date( $format, $at ) ) );
	}

	private function line_html( string $sentence ): string {
		return '<p class="token-bridge-line">' . esc_html( $sentence ) . '</p>';
	}
}
