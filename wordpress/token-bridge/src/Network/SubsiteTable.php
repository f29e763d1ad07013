<?php
/**
 * The list of subsites.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

use TokenBridge\Admin\PostHandler;

defined( 'ABSPATH' ) || exit;

/**
 * One page of subsites in a form: which take part, what they used this month, and their caps.
 */
final class SubsiteTable {

	/** @var Pool */
	private $pool;

	/** @var int */
	private $payer;

	/** @var array<string, array<string, mixed>> What the bridge has about linked sites, by their IDs. */
	private $uses = [];

	public function __construct( Pool $pool, int $payer ) {
		$this->pool  = $pool;
		$this->payer = $payer;
	}

	/**
	 * Prints the form.
	 *
	 * @param int[] $ids IDs of the sites.
	 */
	public function render( array $ids, int $page ): void {
		if ( ! $ids ) {
			echo '<p>' . esc_html__( 'This network has no subsites yet.', 'token-bridge' ) . '</p>';
			return;
		}
		$uses       = $this->payer > 0 ? $this->pool->uses( $this->payer ) : [];
		$this->uses = is_wp_error( $uses ) ? [] : $uses;
		$this->problem( is_wp_error( $uses ) ? $uses->get_error_message() : '' );
		echo '<form method="post" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		PostHandler::fields( 'subsites' );
		echo '<input type="hidden" name="ids" value="' . esc_attr( implode( ',', $ids ) ) . '"><input type="hidden" name="paged" value="' . esc_attr( (string) $page ) . '">';
		echo '<table class="widefat striped token-bridge-subsites"><thead><tr>';
		foreach ( $this->heads() as $head ) {
			echo '<th scope="col">' . esc_html( $head ) . '</th>';
		}
		echo '</tr></thead><tbody>';
		foreach ( $ids as $id ) {
			$this->row( Subsite::read( $id ) );
		}
		echo '</tbody></table><p><button class="button button-primary">' . esc_html__( 'Save subsites', 'token-bridge' ) . '</button></p></form>';
	}

	private function problem( string $sentence ): void {
		if ( '' !== $sentence ) {
			echo '<div class="notice notice-warning inline"><p>' . esc_html( $sentence ) . '</p></div>';
		}
	}

	/**
	 * @return string[]
	 */
	private function heads(): array {
		return [
			__( 'Site', 'token-bridge' ),
			__( 'Takes part', 'token-bridge' ),
			__( 'Used this month', 'token-bridge' ),
			__( 'Monthly cap', 'token-bridge' ),
		];
	}

	private function row( Subsite $site ): void {
		$use = $this->uses[ $site->connection->site_id() ] ?? null;
		echo '<tr data-site="' . esc_attr( (string) $site->id ) . '"><th scope="row"><a href="' . esc_url( get_admin_url( $site->id ) ) . '">' . esc_html( $site->name ) . '</a><br><span class="token-bridge-about">' . esc_html( $site->url ) . '</span></th>';
		if ( ! $site->can_take_part() ) {
			echo '<td colspan="3">' . esc_html__( 'Has a connection of its own.', 'token-bridge' ) . '</td></tr>';
			return;
		}
		/* translators: %s: name of a site */
		$part = sprintf( __( '%s takes part', 'token-bridge' ), $site->name );
		echo '<td data-label="' . esc_attr__( 'Takes part', 'token-bridge' ) . '"><input type="checkbox" name="part_' . esc_attr( (string) $site->id ) . '" value="1" aria-label="' . esc_attr( $part ) . '" ' . checked( $site->takes_part(), true, false ) . '>' . esc_html( $this->note( $site, $use ) ) . '</td>';
		echo '<td class="token-bridge-number" data-label="' . esc_attr__( 'Used this month', 'token-bridge' ) . '">' . esc_html( $use ? number_format_i18n( (int) $use['used_this_month'] ) : '–' ) . '</td>';
		$this->cap( $site, isset( $use['monthly_cap'] ) ? number_format_i18n( (int) $use['monthly_cap'] ) : '' );
	}

	/**
	 * @param array<string, mixed>|null $uses What the bridge has about the site.
	 */
	private function note( Subsite $site, ?array $uses ): string {
		if ( ! $site->takes_part() ) {
			return '';
		}
		if ( $site->connection->payer() !== $this->payer ) {
			return ' ' . __( 'Linked to another account than the one above. Save to change that.', 'token-bridge' );
		}
		if ( $site->has_moved ) {
			return ' ' . __( 'The address of this site has changed. Clear the box, save, and add the site again.', 'token-bridge' );
		}
		$is_unlinked = $uses && null !== ( $uses['unlinked_at'] ?? null );
		return $is_unlinked ? ' ' . __( 'The site was unlinked in Token Bridge. Clear the box, save, and add the site again.', 'token-bridge' ) : '';
	}

	private function cap( Subsite $site, string $cap ): void {
		/* translators: %s: name of a site */
		$label = sprintf( __( 'Monthly cap of %s in tokens; empty for none', 'token-bridge' ), $site->name );
		echo '<td data-label="' . esc_attr__( 'Monthly cap', 'token-bridge' ) . '"><input type="hidden" name="old_cap_' . esc_attr( (string) $site->id ) . '" value="' . esc_attr( $cap ) . '">';
		echo '<input type="text" inputmode="numeric" class="token-bridge-cap" name="cap_' . esc_attr( (string) $site->id ) . '" value="' . esc_attr( $cap ) . '" aria-label="' . esc_attr( $label ) . '" autocomplete="off"></td></tr>';
	}
}
